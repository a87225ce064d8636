"""Turns sentences of a document into question-and-answer pairs whose answer is copied from the document.

A small model learns to answer from a passage by doing it often: find the sentence that shares words with the question,
copy it, stop. Rules give natural questions where the sentence has a usable shape ("If A, B" -> "What happens if A?");
everything else becomes a question from a few of its content words.
"""
import re

STOP = set("""a an and are as at be been but by can cannot could do does for from has have how i if in into is it its may
more most must my no not of on only or other our out over own same should so some such than that the their them then there
these they this those to too under until up use used using was we were what when where which while who will with you your
also all any each before after during between both e.g. i.e. etc via just very following see about""".split())
TO_FIRST = [(r"\byou're\b", "I am"), (r"\byou are\b", "I am"), (r"\byour\b", "my"), (r"\byours\b", "mine"),
            (r"\byourself\b", "myself"), (r"\byou\b", "I")]
KEYWORD_QUESTIONS = [
    "What about {}?", "What should I know about {}?", "Can you tell me about {}?", "How does it work with {}?",
    "I have a question about {}.", "What is the rule for {}?", "Please explain {}.", "What does it say on {}?",
    "Any limits for {}?", "What happens with {}?", "Who or what decides about {}?", "{}?", "When does this apply: {}?"]
NUMBER_QUESTIONS = ["How many {unit} {words}?", "What is the number of {unit} for {words}?", "{words}, how many {unit}?",
                    "How many {unit} is it for {words}?"]
UNITS = (r"hours?|days?|minutes?|seconds?|weeks?|months?|years?|MB|GB|TB|KB|characters?|users?|items?|sites?|files?|groups?|"
         r"mailboxes|messages|members|licenses|people|times|percent|policies|rules|servers|folders|documents")


def clean_inline(text):
    text = re.sub(r"\*\*|__|`|<[^>]{1,60}>", "", text)
    return re.sub(r"\s+", " ", text).strip()


def split_english(paragraph):
    """Sentences of a paragraph that can stand alone as an answer."""
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z\"'(])", clean_inline(paragraph))
    return [p for p in parts if is_answer(p)]


def is_answer(sentence):
    words = sentence.split()
    return (6 <= len(words) <= 34 and sentence[0].isupper() and sentence.endswith(".") and "|" not in sentence
            and sentence.count("(") == sentence.count(")") and "http" not in sentence and sum(c in "{}$\\=;" for c in sentence) < 2)


def to_first_person(text):
    for pattern, replacement in TO_FIRST:
        text = re.sub(pattern, replacement, text, flags=re.I)
    return text


def lower_first(text):
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def content_words(sentence):
    words = re.findall(r"[A-Za-z][\w.-]*[A-Za-z0-9]|[A-Z]", sentence)
    return [w for w in words if w.lower() not in STOP]


def keyword_phrase(rng, sentence, low=2, high=5):
    words = content_words(sentence)
    if len(words) < 2:
        return None
    count = min(len(words), rng.randint(low, high))
    chosen = sorted(rng.sample(range(len(words)), count))
    phrase = [words[i] if rng.random() < 0.75 else words[i].lower() for i in chosen]
    if rng.random() < 0.25:
        rng.shuffle(phrase)
    glue = rng.choice([" ", " ", ", ", " and "]) if count < 4 else " "
    return glue.join(phrase)


def by_shape(rng, sentence):
    """A natural question when the sentence has a shape that gives one, else None."""
    body = sentence.rstrip(".")
    m = re.match(r"If ([^,]{8,90}), (.{10,})", body)
    if m:
        clause = to_first_person(m[1])
        return rng.choice(["What happens if {}?", "What do I do if {}?", "And if {}?", "What if {}?"]).format(clause)
    m = re.match(r"When ([^,]{8,90}), (.{10,})", body)
    if m:
        return rng.choice(["What happens when {}?", "What do I do when {}?"]).format(to_first_person(m[1]))
    m = re.match(r"To ([a-z][^,]{8,90}), (.{8,})", body)
    if m:
        return rng.choice(["How do I {}?", "How can I {}?", "What do I need to do to {}?"]).format(to_first_person(m[1]))
    m = re.match(r"You (can|must|should|need to|cannot|can't) ([a-z].{8,110})", body)
    if m:
        rest = to_first_person(m[2])
        start = {"can": ["Can I {}?", "How can I {}?"], "must": ["Do I have to {}?", "What must I do about it: {}?"],
                 "need to": ["Do I need to {}?"], "should": ["Should I {}?"]}.get(m[1], ["Can I {}?"])
        return rng.choice(start).format(re.sub(r"\b(by|in|from|using|with)\b.*$", "", rest).strip() or rest)
    m = re.match(r"Only ([\w ]{4,40}) can ([a-z].{8,80})", body)
    if m:
        return f"Who can {to_first_person(m[2])}?"
    m = re.match(r"((?:The |An? )?[A-Z]?[\w-]+(?: [\w-]+){0,4}) (is|are) ((?:an?|the) .{8,})", body)
    if m and not re.match(r"(This|That|It|There|These|Here|They|If|When)\b", body):
        return rng.choice(["What {1} {0}?", "Tell me what {0} {1}.", "{0}, what {1} that?"]).format(lower_first(m[1]), m[2])
    m = re.search(r"\bbecause\b|\bso that\b", body)
    if m and m.start() > 15:
        return "Why " + rng.choice(["is it that ", "", "does it say that "]) + lower_first(to_first_person(body[:m.start()].strip(" ,"))) + "?"
    m = re.search(rf"\b(\d[\d,.]*) ({UNITS})\b", body)
    if m:
        rest = body[:m.start()] + body[m.end():]
        words = keyword_phrase(rng, rest, 3, 6)
        if words:
            question = rng.choice(NUMBER_QUESTIONS).format(unit=m[2], words=words)
            return question[0].upper() + question[1:]
    return None


def english_question(rng, sentence):
    question = by_shape(rng, sentence) if rng.random() < 0.7 else None
    if question is None:
        phrase = keyword_phrase(rng, sentence)
        if phrase is None:
            return None
        question = rng.choice(KEYWORD_QUESTIONS).format(phrase)
    if rng.random() < 0.15:
        question = question.lower().rstrip("?.")
    elif rng.random() < 0.1:
        question = rng.choice(["Hello, ", "Hi, ", "Quick question: ", "Sorry, "]) + lower_first(question)
    return question


def split_chinese(paragraph):
    parts = re.split(r"(?<=[。！？])", clean_inline(paragraph))
    parts = [p.strip() for p in parts]
    return [p for p in parts if 10 <= len(p) <= 90 and p.endswith("。") and "|" not in p and not re.match(r"[-*\"'\d]|这些|这|它|此", p)]


def chinese_question(rng, sentence):
    body = sentence.rstrip("。")
    m = re.match(r"如果([^，]{3,40})，(.{4,})", body)
    if m:
        return rng.choice(["如果{}怎么办？", "{}会怎样？", "要是{}，该怎么做？"]).format(m[1].replace("你", "我"))
    m = re.match(r"(?:若要|要|为了)([^，]{3,40})，(.{4,})", body)
    if m:
        return rng.choice(["怎么{}？", "如何{}？", "我想{}，怎么操作？"]).format(m[1].replace("你", "我"))
    m = re.match(r"([^，是]{2,20})是(.{4,})", body)
    if m and rng.random() < 0.6:
        return rng.choice(["{}是什么？", "请问{}是什么？"]).format(m[1])
    pieces = [p for p in re.split(r"[，、：；（）\s]", body) if len(p) >= 3]
    pieces = [p for p in pieces if len(re.findall(r"[\u4e00-\u9fff]", p)) >= 3]
    if not pieces:
        return None
    piece = rng.choice(pieces)
    if len(piece) > 14:
        start = rng.randint(0, len(piece) - 10)
        piece = piece[start:start + rng.randint(6, 10)]
    return rng.choice(["关于{}有什么说明？", "请问{}怎么处理？", "{}是怎么规定的？", "想了解一下{}。", "{}？"]).format(piece.replace("你", "我"))


def english_quote(rng, sentence):
    """A request for a sentence, or for the rest of it, by its first words."""
    words = sentence.split()
    begin = " ".join(words[:rng.randint(2, 4)])
    if rng.random() < 0.3:
        rest = sentence[len(begin):].strip()
        return rng.choice(["Continue: {}", "How does it go on: {}", "{} ..."]).format(begin), rest
    return rng.choice(["Quote the sentence that begins with \"{}\".", "Which sentence starts with \"{}\"?", "Read me the line \"{} ...\"."]).format(begin), sentence


def chinese_quote(rng, sentence):
    begin = sentence[:rng.randint(3, 6)]
    return rng.choice(["请引用以“{}”开头的句子。", "哪一句以“{}”开头？", "把“{}……”这一句读给我。"]).format(begin), sentence
