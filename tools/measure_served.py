#!/usr/bin/env python3
"""Asks a running server the example's test questions as test employees of every persona, and prints where its answers come from.

  measure_served.py [--url http://127.0.0.1:7717] [--example examples/service-desk] [--questions 40]

Each of the questions (English, on articles that trained nothing) is asked once per persona, by an employee who trained nothing.
Prints JSON: the share of answers by source (draft or extractive), of answers with the key fact, of degraded ones, and the same
for drafts and extracts apart. Nothing is stored by the server (kith.temporary).
"""
import argparse
import collections
import json
import pathlib
import random
import urllib.request


def read_lines(path):
    paths = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [json.loads(line) for p in paths for line in open(p)]


def ask(url, user, question):
    body = {"model": "kith", "user": user, "messages": [{"role": "user", "content": question}], "kith": {"temporary": True}, "max_tokens": 160}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def share(values):
    values = list(values)
    return round(sum(values) / len(values), 3) if values else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:7717")
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    questions = [q for q in read_lines(options.example / "questions") if q["split"] == "test" and q["lang"] == "en"]
    questions = rng.sample(questions, min(options.questions, len(questions)))
    users = collections.defaultdict(list)
    for line in read_lines(options.example / "truth.jsonl"):
        if line["split"] == "test":
            users[line["persona"]].append(line["id"])
    rows = []
    for question in questions:
        for persona, ids in sorted(users.items()):
            answer = ask(options.url, rng.choice(ids), question["question"])
            kith, text = answer["kith"], answer["choices"][0]["message"]["content"]
            chosen = next((c for c in kith.get("candidates", []) if c["chosen"]), {"source": "none"})
            rows.append({"persona": persona, "assigned": kith.get("assigned_persona"), "source": chosen["source"], "fact": question["key_fact"] in text,
                         "degraded": bool(kith.get("degraded")), "finish": answer["choices"][0]["finish_reason"] == "stop"})
    by_source = collections.Counter(r["source"] for r in rows)
    print(json.dumps({
        "answers": len(rows),
        "source": {source: round(count / len(rows), 3) for source, count in sorted(by_source.items())},
        "key_fact": share(r["fact"] for r in rows),
        "key_fact_by_source": {s: share(r["fact"] for r in rows if r["source"] == s) for s in sorted(by_source)},
        "key_fact_by_persona": {p: share(r["fact"] for r in rows if r["persona"] == p) for p in sorted(users)},
        "persona_right": share(r["persona"] == r["assigned"] for r in rows),
        "ends_by_itself": share(r["finish"] for r in rows),
        "degraded": share(r["degraded"] for r in rows)}, indent=1))


if __name__ == "__main__":
    main()
