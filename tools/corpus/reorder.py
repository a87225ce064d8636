"""An answer in another order: what a persona wants to read first is no longer first. Words and length stay, so only order tells."""
import re

STEP = re.compile(r"^\d+\. ")
DASH = "- "
SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
CHINESE_SENTENCES = re.compile(r"(?<=[。！？])(?=.)")


def arrangement(rng, units):
    """The units with the first one last, the last one first, or backwards; never as they were."""
    drawn = rng.random()
    if drawn < 0.4:
        return units[1:] + units[:1]
    return units[-1:] + units[:-1] if drawn < 0.8 else units[::-1]


def steps(rng, lines):
    texts = arrangement(rng, [STEP.sub("", line) for line in lines])
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))


def dashes(rng, lines):
    """Only the list is turned: what introduces or closes it stays."""
    places = [i for i, line in enumerate(lines) if line.startswith(DASH)]
    turned = list(lines)
    for place, line in zip(places, arrangement(rng, [lines[i] for i in places])):
        turned[place] = line
    return "\n".join(turned)


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text) is not None


def sentences(text):
    return (CHINESE_SENTENCES if is_chinese(text) else SENTENCES).split(text)


def joined(units):
    return ("" if is_chinese(units[0]) else " ").join(units)


def beginning(text, limit):
    """Whole lines of a list, or whole sentences of the first paragraph, of at most `limit` characters; two at least."""
    is_list = "\n" in text and "\n\n" not in text
    units = text.split("\n") if is_list else sentences(text.split("\n\n")[0])
    kept = units[:2]
    for unit in units[2:]:
        if sum(map(len, kept)) + len(unit) > limit:
            break
        kept.append(unit)
    return "\n".join(kept) if is_list else joined(kept)


def reordered(rng, text):
    """The text in another order, or None where it has nothing to turn."""
    lines = text.split("\n")
    if len(lines) > 1 and all(STEP.match(line) for line in lines):
        turned = steps(rng, lines)
    elif sum(line.startswith(DASH) for line in lines) > 1:
        turned = dashes(rng, lines)
    else:
        units = sentences(text)
        turned = joined(arrangement(rng, units)) if len(units) > 1 else text
    return turned if turned != text else None
