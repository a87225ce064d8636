#!/usr/bin/env python3
"""Builds the files of preference tuning: runs/corpus/preference_ID.{train,tune}.jsonl with pairs and thumb_ID.train.jsonl with each draft
on its own, thumb up or down, for KTO; preference_ID.conversations.jsonl, on which the cost of a tuning is measured.

  make_preferences.py [--example examples/service-desk] [--out runs/corpus] [--seed 1] [--authored-only]

Three sources, all of train users who consented to learning:
- the authored pairs (examples/service-desk/preferences);
- the beginning of what the persona was answered, against the same in another order (reorder.py);
- answers to shared questions in the persona's voice, against the same in another order and against another persona's, as many longer as shorter.
One user in three makes up "tune", on which rate, beta and steps are chosen; it holds their authored pairs, after the question alone as serving's
figure is measured, and nothing of these users is in "train". Authored pairs stand twice in "train", after the question alone and with the system
message and style card that Kith sends.
"""
import argparse
import json
import pathlib
import random
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import prompt  # noqa: E402
from make_personas import Library, style_line  # noqa: E402
from records import write  # noqa: E402
from reorder import beginning, reordered  # noqa: E402

# Drafts of other personas count as comparable within this ratio of words or characters.
LENGTH_RATIO = 0.75
# Characters of a draft that is made from an answer: as long as the authored ones.
LONGEST = 330
# How many pairs are made of a persona's conversations, of its answers to shared questions, and of these against another voice.
TOLD, SHARED, VOICES = 120, 80, 60


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def with_style(messages, persona):
    return [{"role": "system", "content": prompt.system(prompt.DESK, style=style_line(persona))}] + messages


def asked(question):
    return [{"role": "user", "content": question}]


def record(messages, chosen, rejected, user, complete):
    return {"messages": messages, "chosen": chosen, "rejected": rejected, "user": user, "complete": complete}


def turned_pairs(rng, answers, count):
    """Up to `count` of the answers, (question, text, user), each against itself in another order."""
    pairs = []
    for question, text, user in rng.sample(answers, len(answers)):
        text = beginning(text, LONGEST)
        turned = reordered(rng, text)
        if turned and len(text) <= 2 * LONGEST and len(pairs) < count:
            pairs.append(record(asked(question), text, turned, user, False))
    return pairs


def voice_pairs(rng, questions, own, others, count):
    """The persona's answer against another persona's of like length, as many longer as shorter; `count` at most."""
    longer, shorter = [], []
    for identity, text in own.items():
        text = beginning(text, LONGEST)
        drafts = [beginning(other[identity], LONGEST) for other in others if identity in other]
        drafts = [d for d in drafts if LENGTH_RATIO <= len(d) / len(text) <= 1 / LENGTH_RATIO]
        if drafts:
            other = rng.choice(drafts)
            pair = record(asked(questions[identity]["question"]), text, other, identity, False)
            (longer if len(text) > len(other) else shorter).append(pair)
    count = min(len(longer), len(shorter), count // 2)
    return rng.sample(longer, count) + rng.sample(shorter, count)


class Desk:
    """What of the example may train preferences."""

    def __init__(self, example):
        self.example = example
        self.personas = {p["id"]: p for p in tomllib.loads((example / "personas.toml").read_text(encoding="utf-8"))["persona"]}
        self.pairs = lines_of(example / "preferences/pairs.jsonl")
        self.truth = {t["id"]: t for t in lines_of(example / "truth.jsonl")}
        self.consent = {u["id"]: u["consent"].get("learn", True) for u in lines_of(example / "employees.jsonl")}
        self.questions = Library(example).questions
        self.shared = {}
        for identity in self.personas:
            answers = lines_of(example / f"shared_answers/{identity}.jsonl")
            self.shared[identity] = {a["question"]: a["text"] for a in answers if a["question"] in self.questions}

    def authored(self, identity):
        return [p for p in self.pairs if p["persona"] == identity and p["split"] == "train"]

    def users(self, identity):
        """Who trains the persona's adapter, and the one in eight whom make_personas.py holds back."""
        users = sorted(u for u, t in self.truth.items() if t["persona"] == identity and t["split"] == "train" and self.consent[u])
        return set(users) - set(users[::8]), set(users[::8])

    def first_answers(self, identity, excluded):
        """(question, answer, user) of the users who train the adapter, but for `excluded`."""
        allowed = self.users(identity)[0] - excluded
        conversations = lines_of(self.example / f"conversations/{identity}.jsonl")
        return [(c["turns"][0]["text"], c["turns"][1]["text"], c["user"]) for c in conversations if c["user"] in allowed]

    def held_conversations(self, identity):
        """Conversations of users who train nothing of the adapter, as they are, without documents: what a tuning costs is measured on them."""
        held = self.users(identity)[1]
        conversations = lines_of(self.example / f"conversations/{identity}.jsonl")
        return [{"messages": [{"role": t["role"], "content": t["text"]} for t in c["turns"]]} for c in conversations if c["user"] in held]


def split_records(desk, identity, rng, authored_only):
    persona, authored = desk.personas[identity], desk.authored(identity)
    tune_users = set(sorted({p["user"] for p in authored})[::3])
    train, tune = [], []
    for pair in authored:
        messages = asked(pair["question"])
        is_tune = pair["user"] in tune_users
        for prefix in [messages] if is_tune else [messages, with_style(messages, persona)]:
            (tune if is_tune else train).append(record(prefix, pair["chosen"], pair["rejected"], pair["user"], False))
    if not authored_only:
        own = desk.shared[identity]
        others = [answers for other, answers in desk.shared.items() if other != identity]
        shared = [(desk.questions[question]["question"], text, question) for question, text in own.items()]
        train += turned_pairs(rng, desk.first_answers(identity, tune_users), TOLD)
        train += turned_pairs(rng, shared, SHARED)
        train += voice_pairs(rng, desk.questions, own, others, VOICES)
    return train, tune


def thumbs(pair):
    for key, label in (("chosen", True), ("rejected", False)):
        yield {"messages": pair["messages"], "completion": pair[key], "label": label, "user": pair["user"], "complete": pair["complete"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--authored-only", action="store_true", help="nothing made from answers")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    desk = Desk(options.example)
    for identity in desk.personas:
        train, tune = split_records(desk, identity, random.Random(f"{options.seed} {identity}"), options.authored_only)
        write(options.out / f"preference_{identity}.train.jsonl", train)
        write(options.out / f"preference_{identity}.tune.jsonl", tune)
        write(options.out / f"preference_{identity}.conversations.jsonl", desk.held_conversations(identity))
        write(options.out / f"thumb_{identity}.train.jsonl", [t for pair in train for t in thumbs(pair)])


if __name__ == "__main__":
    main()
