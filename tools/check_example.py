#!/usr/bin/env python3
"""Checks that the service-desk example keeps its promises; prints what it counted.

  check_example.py [examples/service-desk]

Counts of employees, articles, questions, conversations and facts; ids that exist; splits that agree; key facts that stand in
their article; facts that stand in no article; no two answers that share more than 60 % of their 5-grams.
"""
import collections
import itertools
import json
import pathlib
import re
import sys

import check_preferences

PERSONAS = ["leadership", "knowledge_worker", "field_worker", "admin_hr", "new_hire"]


def read(path):
    return [json.loads(line) for line in open(path)]


def read_folder(folder):
    return [record for path in sorted(folder.glob("*.jsonl")) for record in read(path)]


def grams(text):
    units = re.findall(r"[a-z0-9']+|[\u4e00-\u9fff]", text.lower())
    return {tuple(units[i:i + 5]) for i in range(len(units) - 4)}


def largest_overlap(texts):
    """Over all pairs, the share of the smaller text's 5-grams that the other holds too; with the pair."""
    sets = [grams(text) for text in texts]
    holders = collections.defaultdict(list)
    for i, own in enumerate(sets):
        for gram in own:
            holders[gram].append(i)
    shared = collections.Counter()
    for members in holders.values():
        if len(members) < 200:
            shared.update(itertools.combinations(members, 2))
    worst = (0.0, None)
    for (a, b), count in shared.items():
        size = min(len(sets[a]), len(sets[b]))
        if size >= 8:
            worst = max(worst, (count / size, (a, b)))
    return worst


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "examples/service-desk")
    errors = []

    def require(condition, message):
        if not condition:
            errors.append(message)

    employees = {e["id"]: e for e in read(root / "employees.jsonl")}
    truth = {t["id"]: t for t in read(root / "truth.jsonl")}
    articles = {a["id"]: a for a in read_folder(root / "knowledge")}
    questions = read_folder(root / "questions")
    conversations = read_folder(root / "conversations")
    facts = read_folder(root / "facts")
    shared = read_folder(root / "shared_answers")

    require(len(employees) == 300 and employees.keys() == truth.keys(), "there must be 300 employees, each with a truth")
    for persona in PERSONAS:
        members = [t for t in truth.values() if t["persona"] == persona]
        require(len(members) == 60, f"{persona}: 60 employees, not {len(members)}")
        require(sum(t["split"] == "test" for t in members) == 12, f"{persona}: 12 test employees")
        require(sum(f["persona"] == persona for f in facts) >= 40, f"{persona}: at least 40 facts")
    require(len(articles) >= 80 and sum(a["lang"] == "zh" for a in articles.values()) >= 15, "80 articles, 15 of them Chinese")
    require(len(conversations) >= 600, "600 conversations")
    require(len({c["user"] for c in conversations}) >= 250, "conversations of 250 employees")
    chinese = sum(bool(re.search(r"[\u4e00-\u9fff]", c["turns"][0]["text"])) for c in conversations)
    require(chinese >= 80, f"80 Chinese conversations, not {chinese}")
    require(sum(q["split"] == "test" for q in questions) >= 200, "200 test questions")

    for c in conversations:
        require(c["user"] in employees, f"{c['id']}: no such employee {c['user']}")
        roles = [t["role"] for t in c["turns"]]
        require(roles == ["user", "assistant"] * (len(roles) // 2) and roles, f"{c['id']}: roles must alternate")
        require(all(1 <= t.get("rating", 1) <= 5 for t in c["turns"]), f"{c['id']}: ratings are 1 to 5")
    for q in questions:
        article = articles.get(q["article"])
        require(article is not None, f"{q['id']}: no such article")
        if article:
            require(article["split"] == q["split"], f"{q['id']}: split differs from its article's")
            require(article["text"].count(q["key_fact"]) == 1, f"{q['id']}: the key fact must stand once in the article")
            require(q["key_fact"] not in q["question"], f"{q['id']}: the question holds its key fact")

    by_id = {c["id"]: c for c in conversations}
    library = "\n".join(a["text"] for a in articles.values())
    for f in facts:
        right = f["options"][f["answer"]]
        require(len(f["options"]) == 4 and len(set(f["options"])) == 4, f"{f['id']}: four different options")
        require(right not in library, f"{f['id']}: the fact stands in an article")
        require(len(f["conversations"]) >= 2, f"{f['id']}: stated in two conversations")
        for identity in f["conversations"]:
            c = by_id.get(identity)
            require(c is not None, f"{f['id']}: no conversation {identity}")
            if c:
                require(truth[c["user"]]["split"] == "train", f"{f['id']}: {identity} is of a test user")
                require(any(right in t["text"] for t in c["turns"] if t["role"] == "assistant"), f"{f['id']}: not said in {identity}")

    answers = [t["text"] for c in conversations for t in c["turns"] if t["role"] == "assistant"] + [s["text"] for s in shared]
    overlap, pair = largest_overlap(answers)
    require(overlap <= 0.6, f"two answers share {overlap:.0%} of their 5-grams: {pair and [answers[i][:60] for i in pair]}")
    print(f"{len(employees)} employees, {len(articles)} articles, {len(questions)} questions, {len(conversations)} conversations "
          f"({chinese} Chinese), {len(facts)} facts, {len(answers)} answers, largest overlap {overlap:.2f}")
    wrong, counted = check_preferences.check(root)
    errors += wrong
    print(counted[-1])
    print("\n".join(errors) or "the example keeps its promises")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
