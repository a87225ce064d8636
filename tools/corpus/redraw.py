"""Draws the values of a text anew: other numbers, codes, names and colours of the same shape.

A model that sees an article with one set of values learns the values; with a new set each time it learns to look them up.
"""
import re

import synthetic

ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December"]
COLOURS = synthetic.COLOURS + ["violet", "grey", "brown", "black"]
SPANS = ["minutes", "hours", "days", "weeks", "months", "years"]
KEPT = {"the", "a", "an", "of", "in", "and", "to", "for", "at", "by", "on", "every", "per", "Dr", "IT", "HR", "UK", "GB", "MB", "KB", "TB", "GBP"}
ZH_CLASSES = ["一二三四五六七八九", "红黄蓝绿白紫橙", "东西南北"]


def same_case(model, text):
    return text.upper() if model.isupper() and len(model) > 1 else text.capitalize() if model[:1].isupper() else text


def number(rng, digits):
    if len(digits) == 1:
        return str(rng.randint(2, 9))
    first = rng.choice("123456789") if digits[0] != "0" else "0"
    return first + "".join(rng.choice("0123456789") for _ in digits[1:])


def english_word(rng, word):
    for group in (synthetic.NUMBERS, ORDINALS, WEEKDAYS, MONTHS, COLOURS):
        if word.lower() in (member.lower() for member in group):
            return same_case(word, rng.choice(group).lower())
        if word.lower().rstrip("s") in (member.lower() for member in group):
            return same_case(word, rng.choice(group).lower()) + "s"
    if word in SPANS and rng.random() < 0.4:
        return rng.choice(SPANS)
    if word in KEPT or not (word[0].isupper() or len(word) > 3) or word.islower():
        return word
    if word.isupper():
        return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXZ") for _ in word)
    return synthetic.word(rng, rng.randint(2, 3))


def chinese_run(rng, run):
    if 2 <= len(run) <= 3 and run[0] not in "第每" and not re.search(r"[天日月年小时分钟周个前内台号楼卡柜本单]", run):
        return rng.choice(synthetic.ZH_SURNAMES) + "".join(rng.choices(synthetic.ZH_GIVEN, k=len(run) - 1))
    for members in ZH_CLASSES:
        run = "".join(rng.choice(members) if character in members else character for character in run)
    return run


def value(rng, fact, names):
    """Another value of the shape of `fact`, the same where nothing in it can be drawn; `names` are people's, "First Last"."""
    if re.fullmatch(r"(Dr )?[A-Z][a-z]+ [A-Z][a-z]+", fact) and rng.random() < 0.6:
        return ("Dr " if fact.startswith("Dr ") else "") + rng.choice(names).split()[0] + " " + rng.choice(names).split()[-1]
    clock = re.fullmatch(r"(\d{1,2}):(\d\d)", fact)
    if clock:
        return f"{rng.randint(0, 23):02d}:{rng.choice(['00', '10', '15', '20', '30', '40', '45', '50'])}"

    def draw(match):
        token = match[0]
        if token.isdigit():
            return number(rng, token)
        if re.match(r"[\u4e00-\u9fff]", token):
            return chinese_run(rng, token)
        return english_word(rng, token)

    return re.sub(r"\d+|[A-Za-z]+|[\u4e00-\u9fff]+", draw, fact)


def occurrences(fact):
    """Matches the fact where it stands by itself, not inside a longer word or number."""
    before = r"(?<![A-Za-z0-9.])" if fact[0].isalnum() and fact[0].isascii() else ""
    after = r"(?![A-Za-z0-9])" if fact[-1].isalnum() and fact[-1].isascii() else ""
    return re.compile(before + re.escape(fact) + after)


def drawn_values(rng, facts, names, share=0.85):
    """{fact: new value} for most of the facts; no new value equals another fact or value."""
    drawn = {}
    for fact in facts:
        new = value(rng, fact, names)
        if new != fact and new not in facts and new not in drawn.values() and rng.random() < share:
            drawn[fact] = new
    return drawn


def replace(text, drawn):
    """Replaces all facts at once, longer ones first, so that a new value is never replaced again."""
    if not drawn:
        return text
    facts = sorted(drawn, key=len, reverse=True)
    pattern = re.compile("|".join(f"({occurrences(fact).pattern})" for fact in facts))
    return pattern.sub(lambda match: drawn[facts[match.lastindex - 1]], text)
