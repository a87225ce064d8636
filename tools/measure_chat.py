#!/usr/bin/env python3
"""Lets employees of the service-desk example chat with a running `kith demo`: one alone, then eight of all five personas at once.

  measure_chat.py [--url http://127.0.0.1:7717] [--example examples/service-desk] [--people 8] [--questions 5] [--rounds 3]

Each person asks questions of the example one after another, in one conversation, and reads each answer as it streams. Rounds with one
person and with all take turns, so that both meet the same machine; questions are dealt so that nobody asks what was asked before, and
all asks of a round differ. Nothing is stored (kith.temporary). Prints JSON: for one person and for all, tokens and answers a second of
the whole round, time to the first text and to the whole answer (median and 95th percentile), where answers came from, and the ratio.

Tokens are those that the model wrote, drafts that were not chosen among them (kith.generated_tokens).
"""
import argparse
import collections
import json
import pathlib
import platform
import random
import threading
import time
import urllib.request


def read_lines(path):
    paths = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [json.loads(line) for p in paths for line in open(p)]


def choose_people(example, count, rng):
    """As many of each persona as possible, in turns; only employees whose words trained nothing."""
    by_persona = collections.defaultdict(list)
    for line in read_lines(example / "truth.jsonl"):
        if line["split"] == "test":
            by_persona[line["persona"]].append(line["id"])
    for ids in by_persona.values():
        rng.shuffle(ids)
    personas = sorted(by_persona)
    return [(personas[i % len(personas)], by_persona[personas[i % len(personas)]][i // len(personas)]) for i in range(count)]


def ask(url, user, messages, max_tokens):
    """Streams one answer. Returns its text and what was measured; raises if it is not whole."""
    body = {"model": "kith", "messages": messages, "stream": True, "max_tokens": max_tokens,
            "kith": {"temporary": True}}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "X-Kith-User": user})
    begin = time.perf_counter()
    first, text, kith, is_whole = None, "", {}, False
    with urllib.request.urlopen(request, timeout=300) as stream:
        for line in stream:
            if not line.startswith(b"data: "):
                continue
            data = line[len(b"data: "):].strip()
            if data == b"[DONE]":
                is_whole = True
                break
            chunk = json.loads(data)
            if "error" in chunk:
                raise RuntimeError(chunk["error"]["message"])
            kith.update(chunk.get("kith") or {})
            for choice in chunk["choices"]:
                piece = choice["delta"].get("content") or ""
                if piece and first is None:
                    first = time.perf_counter() - begin
                text += piece
    whole = time.perf_counter() - begin
    if not is_whole or not text:
        raise RuntimeError("an answer is not whole")
    chosen = next((c["source"] for c in kith.get("candidates", []) if c["chosen"]), "none")
    return text, {"first_s": first, "whole_s": whole, "tokens": kith.get("generated_tokens", 0), "source": chosen, "adapter": kith.get("adapter", ""),
                  "persona": kith.get("assigned_persona", ""), "degraded": bool(kith.get("degraded"))}


def chat(url, person, questions, max_tokens, results, errors):
    messages = []
    try:
        for question in questions:
            messages.append({"role": "user", "content": question})
            text, measured = ask(url, person[1], messages, max_tokens)
            messages.append({"role": "assistant", "content": text})
            results.append({**measured, "expected": person[0]})
    except Exception as error:  # the round is void; say why
        errors.append(f"{person[1]}: {error}")


def run_round(url, people, deal, options):
    results, errors = [], []
    threads = [threading.Thread(target=chat, args=(url, person, [next(deal) for _ in range(options.questions)], options.max_tokens, results, errors))
               for person in people]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise SystemExit("a chat failed: " + "; ".join(errors))
    return time.perf_counter() - begin, results


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summarize(rounds):
    seconds = sum(r[0] for r in rounds)
    answers = [a for r in rounds for a in r[1]]
    sources = collections.Counter(a["source"] for a in answers)
    return {
        "answers": len(answers),
        "tokens_per_second": round(sum(a["tokens"] for a in answers) / seconds, 1),
        "answers_per_second": round(len(answers) / seconds, 2),
        "tokens_per_answer": round(sum(a["tokens"] for a in answers) / len(answers), 1),
        "first_text_s": {"p50": round(quantile([a["first_s"] for a in answers], 0.5), 3), "p95": round(quantile([a["first_s"] for a in answers], 0.95), 3)},
        "whole_answer_s": {"p50": round(quantile([a["whole_s"] for a in answers], 0.5), 3), "p95": round(quantile([a["whole_s"] for a in answers], 0.95), 3)},
        "sources": dict(sorted(sources.items())),
        "adapters": len({a["adapter"] for a in answers if a["adapter"]}),
        "persona_right": round(sum(a["persona"] == a["expected"] for a in answers) / len(answers), 3),
        "degraded": sum(a["degraded"] for a in answers),
        # The machine's noise: each round's tokens a second.
        "rounds_tokens_per_second": [round(sum(a["tokens"] for a in r[1]) / r[0], 1) for r in rounds]}


def describe_machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")] if pathlib.Path("/proc/cpuinfo").exists() else []
    return {"cpu": names[0] if names else platform.processor(), "cores": len(names)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:7717")
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--questions", type=int, default=5, help="of each person in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=160)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    people = choose_people(options.example, options.people, rng)
    questions = [q["question"] for q in read_lines(options.example / "questions") if q["lang"] == "en"]
    rng.shuffle(questions)
    needed = options.rounds * options.questions * (options.people + 1) + 1
    if needed > len(questions):
        raise SystemExit(f"{needed} questions are needed and there are {len(questions)}: fewer --rounds or --questions")
    deal = iter(questions)
    run_round(options.url, people[:1], deal, argparse.Namespace(questions=1, max_tokens=options.max_tokens))  # warm-up
    alone, together = [], []
    for turn in range(options.rounds):
        alone.append(run_round(options.url, [people[turn % len(people)]], deal, options))
        together.append(run_round(options.url, people, deal, options))
    one, many = summarize(alone), summarize(together)
    print(json.dumps({"machine": describe_machine(), "people": options.people, "personas": len({p[0] for p in people}), "one": one, "together": many,
                      "ratio": {"tokens_per_second": round(many["tokens_per_second"] / one["tokens_per_second"], 2) if one["tokens_per_second"] else None,
                                "answers_per_second": round(many["answers_per_second"] / one["answers_per_second"], 2)}}, indent=1))


if __name__ == "__main__":
    main()
