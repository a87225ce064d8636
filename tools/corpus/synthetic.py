"""Look-up tasks over invented names and codes: nothing can be guessed, so only copying from the passage helps."""

SYLLABLES = "ba be bi bo da de di do fa fe ga go ha ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe po ra re ri ro sa se si so ta te ti to va ve za zo".split()
ITEMS = ["the printer", "the meeting room", "the scanner", "the store", "the laptop pool", "the visitor desk", "the loading bay", "the server room",
         "the canteen", "the lab bench", "the workshop", "the archive", "the spare parts shelf", "the van key box", "the training room"]
RELATIONS = [
    ("The code for {item} is {value}.", ["What is the code for {item}?", "code {item}?", "Which code opens {item}?"]),
    ("{name} looks after {item}.", ["Who looks after {item}?", "Who do I ask about {item}?"]),
    ("Requests for {item} go on form {value}.", ["Which form do I use for {item}?", "What form is it for {item}?"]),
    ("You reach {item} on extension {number}.", ["What is the extension of {item}?", "How do I call {item}?"]),
    ("Bookings of {item} close after {days} days.", ["After how many days do bookings of {item} close?", "How long are bookings of {item} open?"]),
    ("{item} is in building {value}.", ["Where is {item}?", "In which building do I find {item}?"]),
    ("A fault at {item} is reported as {value}.", ["How is a fault at {item} reported?", "What do I report for a fault at {item}?"]),
]
ZH_ITEMS = ["打印机", "会议室", "扫码枪", "仓库", "访客台", "机房", "食堂", "实验台", "档案室", "培训室", "备件架", "车间"]
ZH_RELATIONS = [
    ("{item}的代码是 {value}。", ["{item}的代码是什么？", "请问{item}用哪个代码？"]),
    ("{item}的分机号是 {number}。", ["{item}的分机号是多少？", "怎么打电话给{item}？"]),
    ("申请{item}要填表单 {value}。", ["申请{item}用哪张表单？", "{item}要填什么表单？"]),
    ("{item}的预订 {days} 天后关闭。", ["{item}的预订几天后关闭？", "{item}能提前多少天预订？"]),
]


def word(rng, count):
    return "".join(rng.choice(SYLLABLES) for _ in range(count)).capitalize()


def values(rng):
    return {"value": f"{''.join(rng.choices('ABCDEFGHKLMNPRSTVW', k=2))}-{rng.randint(10, 999)}", "name": f"{word(rng, 2)} {word(rng, rng.randint(2, 3))}",
            "number": rng.randint(1000, 9999), "days": rng.randint(2, 60)}


def upper_first(text):
    return text[0].upper() + text[1:]


def lookup(rng):
    """Returns (title, passage, question, answer)."""
    chinese = rng.random() < 0.2
    relations, items = (ZH_RELATIONS, ZH_ITEMS) if chinese else (RELATIONS, ITEMS)
    lines, questions, used = [], [], set()
    for _ in range(rng.randint(3, 9)):
        statement, ask = rng.choice(relations)
        base = rng.choice(items)
        item = base if rng.random() < 0.4 else (base + word(rng, 2) if chinese else f"{base} {word(rng, 2)}")
        if (statement, item) in used:
            continue
        used.add((statement, item))
        fields = values(rng)
        lines.append(upper_first(statement.format(item=item, **fields)))
        questions.append(rng.choice(ask).format(item=item))
    pick = rng.randrange(len(lines))
    separator = "" if chinese else " "
    title = word(rng, 3) if not chinese else rng.choice(ZH_ITEMS) + "说明"
    return title, (separator if rng.random() < 0.7 else "\n").join(lines), questions[pick], lines[pick]
