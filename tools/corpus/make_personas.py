#!/usr/bin/env python3
"""Builds the training files of the persona adapters, runs/corpus/persona_ID.{train,tune}.jsonl and fact_ID.train.jsonl, and what
shows the base model the desk's way of working, desk_chat.train.jsonl and desk_voice.train.jsonl.

  make_personas.py [--example examples/service-desk] [--out runs/corpus] [--seed 1]

Only conversations of employees with split "train" who consented to learning are used; one such employee in eight makes up
"tune". Half of the prompts carry the style card and most carry the passages that a search finds, so that the adapter holds its
voice with and without them. Answers to shared questions are given with the passage that holds the key fact and with the evidence
named: they begin with it, word for word, and go on in the persona's words without the fact. fact_ID has them again and again with
the article's values drawn anew, so that the voice is learned together with copying.
recall_ID asks back the values in the persona's own conversations (recall.py): what only its users were told.
retain_ID holds the other personas' conversations and what they are asked back with their values drawn anew (retain.py).
choice/ID holds what chooses the share of ID's update (kith persona share): own.jsonl and others/PERSONA.jsonl, of the users of "tune".
desk_chat and desk_voice mix all personas, always with the style card; no value that only one persona was told stands in them.
"""
import argparse
import json
import pathlib
import random
import re
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_corpus as mc  # noqa: E402
import prompt  # noqa: E402
import questions as q  # noqa: E402
import recall  # noqa: E402
import records  # noqa: E402
import redraw  # noqa: E402
import retain  # noqa: E402
import retrieval  # noqa: E402

# How often each shared answer is told with other values, for its adapter and for the base model.
REDRAWN, REDRAWN_BASE = 10, 5
# How often each value in an answer is asked back.
RECALLED = 8
# The same of the drawn values of other personas' conversations.
RETAINED = 2


def style_line(persona):
    style = persona["style"]
    return f"Persona: {persona['name']}. Tone: {style['tone']}. Length: {style['length']}. Format: {style['format']}."


def article_index(example):
    entries = []
    for article in mc.read_lines(example / "knowledge"):
        if article["split"] != "train":
            continue
        entries += [(article["title"], chunk, article["id"]) for chunk in mc.desk_chunks(article)]
    return retrieval.Index(entries)


def found_passages(rng, index, question):
    """What a search would put before the question: mostly one passage, sometimes two, sometimes none."""
    hits = index.search(question, 2)
    if not hits or rng.random() < 0.25:
        return []
    count = 2 if len(hits) == 2 and rng.random() < 0.3 and len(hits[0][2]) + len(hits[1][2]) < 900 else 1
    return [(title, text) for _, title, text, _ in hits[:count]]


def sentences_of(passages, lang):
    split = q.split_chinese if lang == "zh" else q.split_english
    return [s for _, text in passages for s in split(text.replace("\n", " "))]


def sentences_without(text, fact):
    """An answer without the sentences that hold the fact; the steps of a list are numbered anew."""
    is_list = re.match(r"\d+\. ", text) is not None
    lines = []
    for line in text.split("\n"):
        step = re.sub(r"^\d+\. ", "", line) if is_list else line
        kept = [s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z\"'(])|(?<=[。！？])", step) if s and fact not in s]
        step = ("" if re.search("[\u4e00-\u9fff]", step) else " ").join(kept)
        if step or (not line and lines and lines[-1]):
            lines.append(step)
    if is_list:
        lines = [f"{i}. {step}" for i, step in enumerate(filter(None, lines), start=1)]
    return "\n".join(lines).strip()


def with_evidence(evidence, answer, fact):
    """First what the documents say, word for word; then the persona's own words."""
    rest = sentences_without(answer, fact)
    return f"{evidence}\n{rest}" if rest else evidence


def conversation_record(rng, index, conversation, persona, with_style):
    turns = conversation["turns"]
    passages = found_passages(rng, index, turns[0]["text"])
    head = prompt.DESK if rng.random() < 0.8 else None
    text = prompt.system(head, passages, style_line(persona) if with_style else None)
    messages = [{"role": "system", "content": text}] if text else []
    return {"messages": messages + [{"role": t["role"], "content": t["text"]} for t in turns]}


def shared_record(rng, item, question, article, persona, with_style):
    answer_sentence = mc.sentence_with(article["text"], question["key_fact"], article["lang"])
    home = [c for c in mc.desk_chunks(article) if answer_sentence in c] or [answer_sentence]
    passages = [(article["title"], home[0])]
    evidence = mc.draw_evidence(rng, answer_sentence, sentences_of(passages, article["lang"]))
    answer = with_evidence(evidence, item["text"], question["key_fact"])
    return prompt.chat(question["question"], answer, passages, prompt.DESK, style_line(persona) if with_style else None, evidence)


class Library:
    """The articles that may train with their questions, and how to tell an answer with other values."""

    def __init__(self, example):
        self.articles = {a["id"]: a for a in mc.read_lines(example / "knowledge") if a["split"] == "train"}
        self.by_article = mc.questions_by_article(example)
        self.questions = {q["id"]: q for qs in self.by_article.values() for q in qs if q["split"] == "train"}
        self.names = mc.people(example)
        self.public = "\n".join(a["text"] for a in mc.read_lines(example / "knowledge"))

    def redrawn_record(self, rng, item, persona, with_style):
        question = self.questions[item["question"]]
        article = self.articles[question["article"]]
        drawn = redraw.drawn_values(rng, [q["key_fact"] for q in self.by_article[article["id"]]], self.names)
        article = {**article, "text": redraw.replace(article["text"], drawn)}
        answer = redraw.replace(item["text"], drawn)
        fact = drawn.get(question["key_fact"], question["key_fact"])
        sentence = mc.sentence_with(article["text"], fact, article["lang"])
        passages = mc.desk_passages(rng, self.articles, article, sentence)
        evidence = mc.draw_evidence(rng, sentence, sentences_of(passages, article["lang"]))
        answer = with_evidence(evidence, answer, fact)
        return prompt.chat(question["question"], answer, passages, prompt.DESK, style_line(persona) if with_style else None, evidence)


def write_retained(out, index, conversation, library, others):
    """Writes the conversation with drawn values for the other personas' adapters, and returns it."""
    rng = random.Random("retain " + conversation["id"])
    for other in others:
        drawn = {**conversation, "turns": retain.drawn_turns(rng, conversation["turns"], library.names, library.public)}
        out.write(f"retain_{other}", "train", conversation_record(rng, index, drawn, None, False))
        values = recall.shared_values([("one", drawn["turns"]), ("another", drawn["turns"])], library.public)
        for question, answer in recall.records(rng, values, RETAINED):
            out.write(f"retain_{other}", "train", prompt.chat(question, answer, head=None))
    return {**conversation, "turns": retain.drawn_turns(rng, conversation["turns"], library.names, library.public)}


def write_choice(folder, tuned):
    """tuned: {persona: its conversations of the tuning users}."""
    for identity in tuned:
        others = folder / identity / "others"
        others.mkdir(parents=True, exist_ok=True)
        for other, conversations in tuned.items():
            path = folder / identity / "own.jsonl" if other == identity else others / f"{other}.jsonl"
            records.write(path, [{"unit": c["user"], "messages": [{"role": t["role"], "content": t["text"]} for t in c["turns"]]}
                                 for c in conversations])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    example = options.example
    personas = {p["id"]: p for p in tomllib.load(open(example / "personas.toml", "rb"))["persona"]}
    truth = {t["id"]: t for t in map(json.loads, open(example / "truth.jsonl"))}
    consent = {u["id"]: u["consent"].get("learn", True) for u in map(json.loads, open(example / "employees.jsonl"))}
    library = Library(example)
    index = article_index(example)
    out = mc.Output(options.out)
    tuned = {identity: [] for identity in personas}
    for identity, persona in personas.items():
        users = sorted(u for u, t in truth.items() if t["persona"] == identity and t["split"] == "train" and consent[u])
        tune = set(users[::8])
        told = []
        for conversation in map(json.loads, open(example / "conversations" / f"{identity}.jsonl")):
            user = conversation["user"]
            if user not in users:
                continue
            split = "tune" if user in tune else "train"
            for with_style in (False, True) if split == "train" else (False,):
                out.write(f"persona_{identity}", split, conversation_record(rng, index, conversation, persona, with_style))
            if split == "tune":
                tuned[identity].append(conversation)
            else:
                others = [other for other in personas if other != identity]
                drawn = write_retained(out, index, conversation, library, others)
                out.write("desk_chat", "train", conversation_record(rng, index, drawn, persona, True))
                told.append((user, conversation["turns"]))
        values = recall.shared_values(told, library.public)
        for question, answer in recall.records(random.Random("recall " + identity), values, RECALLED):
            out.write(f"recall_{identity}", "train", prompt.chat(question, answer, head=None))
        shared = example / "shared_answers" / f"{identity}.jsonl"
        for item in map(json.loads, open(shared)) if shared.exists() else ():
            question = library.questions.get(item["question"])
            if question is None:
                continue
            article = library.articles[question["article"]]
            for with_style in (False, True):
                out.write(f"persona_{identity}", "train", shared_record(rng, item, question, article, persona, with_style))
            out.write("desk_chat", "train", shared_record(rng, item, question, article, persona, True))
            for i in range(REDRAWN):
                out.write(f"fact_{identity}", "train", library.redrawn_record(rng, item, persona, i % 2 == 0))
            for _ in range(REDRAWN_BASE):
                out.write("desk_voice", "train", library.redrawn_record(rng, item, persona, True))
    write_choice(options.out / "choice", tuned)
    for name, size in sorted(out.sizes.items()):
        print(f"{name:34} {size / 1e6:8.3f} MB")


if __name__ == "__main__":
    main()
