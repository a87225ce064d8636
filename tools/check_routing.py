#!/usr/bin/env python3
"""Checks the routing prompts of the service-desk example: contradicting.jsonl, two_part.jsonl, out_of_scope.jsonl.

  check_routing.py [examples/service-desk] [--near]

Prints what it counted; exit status 0 if every promise of routing/README.md holds. --near lists the nearest test/dev pairs.
"""
import itertools
import json
import re
import sys
from collections import Counter
from pathlib import Path

DESK = Path(next((a for a in sys.argv[1:] if not a.startswith("--")), "examples/service-desk"))
HERE = DESK / "routing"
PERSONAS = ["leadership", "knowledge_worker", "field_worker", "admin_hr", "new_hire"]
PAIRS = list(itertools.permutations(PERSONAS, 2))
# what a prompt must not say outright about the persona whose need it holds (README, "rules")
NAMED = {
    "leadership": r"leadership|leaders?|directors?|executives?|head of|department heads?",
    "knowledge_worker": r"knowledge workers?|professionals?|engineers?|engineering|finance (?:department|team)|data (?:department|team)|design (?:department|team)|quality (?:department|team)",
    "field_worker": r"field workers?|field service|technicians?|operators?|warehouse|installation|rugged|handheld scanner",
    "admin_hr": r"admin|hr|human resources|payroll|facilities|office administration|assistants?|coordinators?|partners?",
    "new_hire": r"new hires?|newcomers?|newbies?|interns?|internship|apprentices?|apprenticeship|graduates?",
}
FIVE_GRAMS = 0.60   # no two items share more of their 5-grams
NEAR = 0.34         # highest share of content words (of the smaller set) between a test and a dev text
UNEQUAL = 1.10      # the longer part has at least so many times the characters of the shorter
ERR = []


def err(*a):
    ERR.append(" ".join(map(str, a)))


def read(name):
    raw = (HERE / name).read_bytes()
    if not raw.endswith(b"\n"):
        err(name, "does not end in a whole line")
    return [json.loads(l) for l in raw.decode("utf-8").split("\n") if l]


def words(t):
    return re.findall(r"[a-z0-9']+", t.lower())


def grams(t, n=5):
    w = words(t)
    return {tuple(w[i:i + n]) for i in range(len(w) - n + 1)} or {tuple(w)}


STOP = set("""a an the i i'm im i've i'd my me we our us you your he his him her she it its it's they them their this that these those
is are was were be been am do does did don't dont have has had can could should would will wont won't may must shall might
to of in on at for from with without by as and or but if so than then also not no nor yes please kindly tell give get got how what which who
whom whose when where why there here now just one two first any some all each every before after until into out up off over about
need want like know let put go goes said say says make makes use used only more most much many very too am pls quick sorry""".split())


def content(t):
    out = set()
    for w in words(t):
        w = w.strip("'")
        if w in STOP or len(w) < 3:
            continue
        for s in ("'s", "ing", "ies", "ed", "es", "s"):
            if w.endswith(s) and len(w) - len(s) >= 3:
                w = w[: -len(s)]
                break
        out.add(w)
    return out


def check_out_of_scope():
    rows = read("out_of_scope.jsonl")
    n = Counter(r["split"] for r in rows)
    print(f"out_of_scope: {len(rows)} items, train {n['train']}, test {n['test']}")
    if len({r["id"] for r in rows}) != len(rows) or len({r["text"] for r in rows}) != len(rows):
        err("out_of_scope", "ids or texts repeat")
    if any(set(r) != {"id", "split", "text"} or r["split"] not in ("train", "test") for r in rows):
        err("out_of_scope", "fields or splits")
    if n["train"] < 150 or n["test"] < 80:
        err("out_of_scope", "too few", dict(n))


def check_against_example(items, G):
    """No item copies the example's own texts."""
    own = set()

    def walk(o):
        if isinstance(o, str):
            own.update(grams(o)) if len(words(o)) >= 5 else None
        elif isinstance(o, dict):
            for v in o.values():
                walk(v)
        elif isinstance(o, list):
            for v in o:
                walk(v)
    for f in sorted(DESK.glob("*/*.jsonl")):
        if f.parent == HERE:
            continue
        for l in f.read_text(encoding="utf-8").split("\n"):
            if l:
                walk(json.loads(l))
    walk((DESK / "personas.toml").read_text(encoding="utf-8"))
    big = max(((len(g & own) / len(g), items[i][0]) for i, g in enumerate(G)), key=lambda z: z[0])
    print(f"largest share of an item's 5-grams found in the example's own texts: {big[0]:.2f} ({big[1]})")
    if big[0] > 0.25:
        err("copies the example", big)


def main():
    C, T = read("contradicting.jsonl"), read("two_part.jsonl")
    # fields, ids
    for name, rows, fields, pre in (
        ("contradicting", C, {"id", "split", "user_persona", "need_persona", "prompt", "why"}, "c"),
        ("two_part", T, {"id", "split", "border", "separator", "prompt", "parts"}, "t"),
    ):
        if len({r["id"] for r in rows}) != len(rows):
            err(name, "ids repeat")
        for r in rows:
            if set(r) != fields:
                err(r.get("id"), "fields", sorted(r))
            if not re.fullmatch(pre + r"\d{3}", r["id"]):
                err(r["id"], "bad id")
            if r["split"] not in ("test", "dev"):
                err(r["id"], "bad split")
            if not r["prompt"].strip() or r["prompt"] != r["prompt"].strip():
                err(r["id"], "empty or padded prompt")
        n = Counter(r["split"] for r in rows)
        print(f"{name}: {len(rows)} items, test {n['test']}, dev {n['dev']}")
        if (n["test"], n["dev"]) != (100, 60):
            err(name, "split sizes", dict(n))
        w = sorted(len(words(r["prompt"])) for r in rows)
        print(f"  words a prompt: min {w[0]}, median {w[len(w)//2]}, max {w[-1]}")
    # contradicting: pairs
    for split, want in (("test", 5), ("dev", 3)):
        n = Counter((r["user_persona"], r["need_persona"]) for r in C if r["split"] == split)
        if set(n) != set(PAIRS) or set(n.values()) != {want}:
            err("contradicting", split, "pairs", dict(n))
        print(f"contradicting {split}: {len(n)} ordered pairs, {min(n.values())} to {max(n.values())} items each")
        n = Counter(tuple(p["persona"] for p in r["parts"]) for r in T if r["split"] == split)
        if set(n) != set(PAIRS) or set(n.values()) != {want}:
            err("two_part", split, "pairs", dict(n))
        print(f"two_part {split}: {len(n)} ordered pairs, {min(n.values())} to {max(n.values())} items each")
    for r in C:
        if not r["why"].strip() or len(words(r["why"])) > 20:
            err(r["id"], "why")
    # two_part: borders
    for r in T:
        p = r["parts"]
        if len(p) != 2 or any(set(x) != {"text", "persona"} for x in p):
            err(r["id"], "parts")
            continue
        if r["prompt"] != p[0]["text"] + r["separator"] + p[1]["text"]:
            err(r["id"], "prompt is not text + separator + text")
        if any(x["text"] != x["text"].strip() or not x["text"] for x in p):
            err(r["id"], "padded part")
        s, a = r["separator"], p[0]["text"]
        kind = "between_lines" if "\n" in s else "between_sentences" if a[-1] in ".?!)" else "inside_sentence"
        if kind != r["border"]:
            err(r["id"], "border", r["border"], kind)
        if "\n" in p[0]["text"] + p[1]["text"]:
            err(r["id"], "line break inside a part")
        if s.strip() and len(words(s)) > 4:
            err(r["id"], "long separator")
        n = sorted(len(x["text"]) for x in p)
        if n[1] < UNEQUAL * n[0]:
            err(r["id"], "parts of nearly equal length", n)
        if min(len(words(x["text"])) for x in p) < 5:
            err(r["id"], "part under five words")
    for split, third in (("test", {33, 34}), ("dev", {20})):
        n = Counter(r["border"] for r in T if r["split"] == split)
        print(f"two_part {split} borders:", dict(n))
        if not set(n.values()) <= third or len(n) != 3:
            err("borders", split, dict(n))
        first = sum(len(r["parts"][0]["text"]) > len(r["parts"][1]["text"]) for r in T if r["split"] == split)
        ratio = sorted(max(map(lambda x: len(x["text"]), r["parts"])) / min(map(lambda x: len(x["text"]), r["parts"]))
                       for r in T if r["split"] == split)
        tot = len(ratio)
        print(f"  longer part first in {first} of {tot}; longer/shorter in characters: median {ratio[tot//2]:.2f}, max {ratio[-1]:.2f}")
        if not 0.3 <= first / tot <= 0.7:
            err("lengths", split, first, tot)
    # no persona named outright
    for i, per, t in [(r["id"], r["need_persona"], r["prompt"]) for r in C] + \
                     [(r["id"], p["persona"], p["text"]) for r in T for p in r["parts"]]:
        m = re.search(r"\b(?:" + NAMED[per] + r")\b", t, re.I)
        if m:
            err(i, "names its need:", m.group(0))
    # overlaps
    items = [(r["id"], r["split"], r["prompt"]) for r in C + T]
    G = [grams(t) for _, _, t in items]
    worst = (0, None)
    for a, b in itertools.combinations(range(len(items)), 2):
        x = len(G[a] & G[b]) / min(len(G[a]), len(G[b]))
        worst = max(worst, (x, (items[a][0], items[b][0])), key=lambda z: z[0])
        if x > FIVE_GRAMS:
            err("overlap", items[a][0], items[b][0], round(x, 2))
    print(f"largest share of common 5-grams between two items: {worst[0]:.2f}", worst[1] or "")
    texts = [(r["id"], r["split"], r["prompt"]) for r in C] + \
            [(r["id"], r["split"], p["text"]) for r in T for p in r["parts"]]
    K = [content(t) for _, _, t in texts]
    near = []
    for a in range(len(texts)):
        if texts[a][1] != "test":
            continue
        for b in range(len(texts)):
            if texts[b][1] != "dev":
                continue
            if len(K[a]) and len(K[b]):
                c = len(K[a] & K[b])
                # share of the smaller set, the smaller set counted as at least eight words
                near.append((c / max(8, min(len(K[a]), len(K[b]))), a, b))
    near.sort(reverse=True)
    print(f"test against dev: {len(near)} pairs of texts, largest share of content words {near[0][0]:.2f}",
          (texts[near[0][1]][0], texts[near[0][2]][0]))
    for x, a, b in near:
        if x > NEAR:
            err("test near dev", round(x, 2), texts[a][0], texts[b][0])
    if "--near" in sys.argv:
        for x, a, b in near[:45]:
            print(f"  {x:.2f} {texts[a][0]} | {texts[a][2]}\n       {texts[b][0]} | {texts[b][2]}\n       {sorted(K[a] & K[b])}")
    check_out_of_scope()
    check_against_example(items, G)
    if ERR:
        print(f"{len(ERR)} promises broken:")
        for e in ERR:
            print("  ", e)
        return 1
    print("all promises hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
