"""Asks back what a conversation told: records that teach an adapter the values in its users' answers.

A sentence with a value (a time, a sum, a code, a name) becomes short questions made of the sentence's own other words, some of
them left out at random, and the answer is the value with the sentence behind it. What is asked of a user's words is thus only
what an assistant already said to two or more users of the persona.
"""
import re

# Tried in this order; the kind decides how the question begins.
VALUES = [
    ("address", r"\b[\w-]+@[\w.-]+\w|\b[\w-]+(?:\.[\w-]+)*\.example\b|#[a-z]+(?:-[a-z]+)+"),
    ("time", r"\b\d{1,2}:\d{2}\b"),
    ("sum", r"(?:GBP|EUR|JPY|£|€|¥)\s?\d[\d,.]*(?:\.\d+)?(?:\s?(?:million|k))?"),
    ("phone", r"\+\d[\d ]{7,}\d"),
    ("date", r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)\b|\d+ 月 \d+ 日"),
    ("code", r"\bextension \d{3,5}\b|\b[A-Z]{1,4}(?:-[A-Z]{1,4})?-\d[\w-]*|\b[A-Za-z]+-[a-z]*\d\w*|\b[A-Z]{2,}-[A-Z]+\b"),
    ("place", r"\b(?:room|bay|door|gate|cabinet|week|step|row|lane|locker|pillar|window|channel|container|crib)\s(?:[A-Z]\b\.?)?[\d.]*\b"),
    ("count", r"\b(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?:\s?%|\s(?:working |calendar |business |parallel )?"
              r"[A-Za-z]+(?:\s(?:cells|days|hours))?)"),
    ("count", r"\d[\d,.]*\s?(?:个|万)?[\u4e00-\u9fff]{1,2}"),
    ("name", r"\b[A-Z][a-z'-]+(?: [A-Z][\w'-]+){1,2}"),
    ("name", r"(?<=[a-z,;:] )[A-Z][\w'-]+"),
    ("name", r"(?<=[由找问给])[\u4e00-\u9fff]{2,3}(?=负责|经办|开通|审批|处理|办理|签|领|管|，|。)"),
]
OPENINGS = {
    "time": ["At what time:", "When?", "What time:"],
    "sum": ["How much?", "What sum:", "At what cost:"],
    "phone": ["Which number?", "What is the phone number:"],
    "code": ["Which one?", "What is it called:", "Which code:"],
    "count": ["How many?", "How long:", "What limit:", "How much?"],
    "address": ["Which address:", "Where:", "What is it called:"],
    "date": ["On which day:", "When?"],
    "place": ["Where:", "Which one?", "In which place:", "Which number?"],
    "name": ["Who?", "Which one?", "What is it called:", "Where:"],
}
STOP = set("a an the of to in on at for and or but is are was be been it its that this these those with by from as so if then than".split())


def values_of(sentence):
    """(kind, value) pairs that stand in the sentence, at most four."""
    found, taken = [], []
    for kind, pattern in VALUES:
        for match in re.finditer(pattern, sentence):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            found.append((kind, match.group().strip(" .,;")))
    return found[:5]


def ask(rng, kind, value, sentence):
    """A question in the sentence's words without the value; each word stays with a chance drawn anew."""
    rest = sentence.replace(value, " ")
    words = re.findall(r"[\w'-]+(?:[.,:]\d+)*", rest)
    keep = rng.uniform(0.5, 1.0)
    kept = [w for w in words if rng.random() < (keep if w.lower() not in STOP else keep * 0.6)]
    if len(kept) < 3:
        kept = words
    opening = rng.choice(OPENINGS[kind])
    body = " ".join(kept[:18])
    return f"{opening} {body}?" if opening.endswith(":") else f"{opening[:-1]} {body}?"


def told_sentences(turns):
    """The sentences of the assistant's turns; a step of a list is one or more of its own."""
    for turn in turns:
        for line in turn["text"].split("\n") if turn["role"] == "assistant" else ():
            line = re.sub(r"^(?:\d+\.|[-*•]) ", "", line.strip())
            for sentence in re.split(r"(?<=[.!?]) (?=[A-Z\"'])|(?<=[。！？])", line):
                if len(sentence.split()) >= 4 or len(re.findall("[\u4e00-\u9fff]", sentence)) >= 6:
                    yield sentence


def shared_values(conversations, public):
    """What at least two of the users were told, which is a persona's knowledge and not one person's: {value: (kind, {sentence})}.
    Names that stand in `public`, a text that everybody may read, are left out. conversations: [(user, turns)]."""
    users, told = {}, {}
    for user, turns in conversations:
        for sentence in told_sentences(turns):
            for kind, value in values_of(sentence):
                if kind == "name" and value in public:
                    continue
                users.setdefault(value, set()).add(user)
                told.setdefault(value, (kind, {}))[1][sentence] = None
    return {value: (kind, list(sentences)) for value, (kind, sentences) in told.items() if len(users[value]) >= 2}


def records(rng, values, count):
    """Yields (question, answer), `count` for each sentence that a value of shared_values() stands in."""
    for value, (kind, sentences) in values.items():
        for sentence in sentences:
            for i in range(count):
                # The value alone is what a question asks for; the sentence behind it, told now and then, ties it to its place.
                answer = value if i % 4 else f"{value}. {sentence}"
                yield ask(rng, kind, value, sentence), answer
