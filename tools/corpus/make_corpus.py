#!/usr/bin/env python3
"""Builds the training files of the built-in model: runs/corpus/NAME.{train,valid}.jsonl.

  make_corpus.py [--data ../shared/data] [--example examples/service-desk] [--out runs/corpus] [--seed 1]

Sources (attribution in models/*/README.md): IT documentation in English and Chinese (CC BY 4.0), Synthetic-Persona-Chat
(CC BY 4.0), Taskmaster-4 (CC BY 4.0), MemoryBank (MIT), and the service-desk example without its test articles and test users.
Documents are put into "valid" by a hash of their path (1 in 60), so a document is never in both.
"""
import argparse
import collections
import csv
import gzip
import hashlib
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import prompt  # noqa: E402
import questions as q  # noqa: E402
import redraw  # noqa: E402
import synthetic  # noqa: E402

ENGLISH = ["sharepoint", "exchange", "m365-community", "powershell", "information-protection"]
# How often each article of the desk is told with other values.
REDRAWN = 9


def is_valid(key):
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % 60 == 0


class Output:
    def __init__(self, folder):
        self.folder, self.files, self.sizes = folder, {}, {}
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, name, split, record):
        key = f"{name}.{split}"
        if key not in self.files:
            self.files[key] = open(self.folder / f"{key}.jsonl", "w")
        line = json.dumps(record, ensure_ascii=False)
        self.files[key].write(line + "\n")
        self.sizes[key] = self.sizes.get(key, 0) + len(line)


def read_gz(path):
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def tidy(text):
    text = re.sub(r"\n{3,}", "\n\n", text)
    text = re.sub(r"^> ?", "", text, flags=re.M)
    return re.sub(r"^(NOTE|TIP|IMPORTANT|WARNING|CAUTION):\n", "", text, flags=re.M).strip()


def is_prose(line):
    return bool(line) and not re.match(r"\s*(\||#|`|- \[|!\[|<|\{|\[|:::)", line)


def chunks(text, low=250, high=900):
    """Consecutive paragraphs of prose and lists, each chunk between low and high characters, never across a heading."""
    for section in re.split(r"\n(?=#{1,4} )", text):
        lines = section.split("\n")
        heading = lines[0].lstrip("# ").strip() if lines and lines[0].startswith("#") else ""
        paragraphs = [p.strip() for p in "\n".join(lines[1:] if heading else lines).split("\n\n")]
        current = ""
        for paragraph in paragraphs:
            usable = all(is_prose(line) for line in paragraph.split("\n")) and len(paragraph) <= high
            if usable and len(current) + len(paragraph) + 1 <= high:
                current = f"{current}\n{paragraph}".strip()
                continue
            if len(current) >= low:
                yield heading, current
            current = paragraph if usable else ""
        if len(current) >= low:
            yield heading, current


def steps_pair(heading, text):
    """A heading that names a task, followed by numbered steps: "How do I <task>?" with the steps as the answer."""
    m = re.match(r"(?:To |How to |Step \d+:? )?([A-Z]?[a-z]+ [\w ,'-]{6,70})$", heading)
    steps = [q.clean_inline(s) for s in re.findall(r"^\s*\d+\.\s+(.+)$", text, flags=re.M)]
    if not m or not 2 <= len(steps) <= 6 or sum(map(len, steps)) > 420:
        return None
    return q.lower_first(m[1]), "\n".join(f"{i}. {s}" for i, s in enumerate(steps, start=1))


def title_of(document, heading):
    title = re.sub(r" - Microsoft Teams$", "", document["title"]).strip()[:70]
    return title if not heading or heading == title or len(heading) > 70 else f"{title}: {heading}"[:100]


def write_documents(out, data, rng):
    for name in ENGLISH + ["teams-zh"]:
        kind = "zh" if name == "teams-zh" else "en"
        for document in read_gz(data / "corpus" / f"{name}.jsonl.gz"):
            split = "valid" if is_valid(document["path"]) else "train"
            text = tidy(document["text"])
            if len(text) > 200:
                source = "docs_zh" if kind == "zh" else "docs_code" if name == "powershell" else "docs"
                out.write(source, split, {"text": text[:20000]})
            write_pairs(out, document, text, kind, split, rng)


def write_pairs(out, document, text, kind, split, rng):
    spare = []
    low, high = (100, 420) if kind == "zh" else (250, 900)
    for heading, chunk in chunks(text, low, high):
        title = title_of(document, heading)
        passage = (title, q.clean_inline(chunk.replace("\n", " \n ")) if rng.random() < 0.3 else re.sub(r"\*\*|`", "", chunk))
        pair = steps_pair(heading, chunk)
        if pair and rng.random() < 0.7:
            ask = rng.choice(["How do I {}?", "How can I {}?", "What are the steps to {}?", "how to {}"]).format(q.to_first_person(pair[0]))
            out.write("qa_" + kind, split, prompt.chat(ask, pair[1], with_spare(rng, passage, spare), pick_head(rng)))
        sentences = (q.split_chinese if kind == "zh" else q.split_english)(chunk.replace("\n", " "))
        sentences = [s for s in sentences if s in q.clean_inline(passage[1])]
        rng.shuffle(sentences)
        write_conversation(out, sentences[:6], passage, spare, kind, split, rng)
        if sentences and rng.random() < 0.4:
            write_evidence(out, sentences, passage, spare, kind, split, rng)
        if len(sentences) >= 2 and rng.random() < 0.3:
            write_copy(out, sentences, passage, kind, split, rng)
        if len(passage[1]) < 500:
            spare = (spare + [passage])[-3:]


def with_spare(rng, passage, spare):
    """Sometimes a second passage that does not hold the answer, before or after."""
    if spare and len(passage[1]) < 600 and rng.random() < 0.3:
        both = [passage, rng.choice(spare)]
        rng.shuffle(both)
        return both
    return [passage]


def pick_head(rng):
    return rng.choice([prompt.ASSISTANT, prompt.DESK, prompt.DESK, None])


def write_conversation(out, sentences, passage, spare, kind, split, rng):
    """Questions on the sentences of one passage as one conversation: the more of them, the more copying a token trains."""
    ask = q.chinese_question if kind == "zh" else q.english_question
    turns = []
    for sentence in sentences:
        question = ask(rng, sentence)
        if question:
            turns += [{"role": "user", "content": question}, {"role": "assistant", "content": sentence}]
    if turns:
        head = prompt.system(pick_head(rng), with_spare(rng, passage, spare))
        out.write("qa_" + kind, split, {"messages": [{"role": "system", "content": head}] + turns})


def draw_evidence(rng, sentence, others=()):
    """What the prompt names as evidence for a question that `sentence` answers: that, sometimes with another, as an extraction
    gives them. An answer begins with all of it."""
    spare = [s for s in others if s != sentence and s not in sentence]
    if not spare or rng.random() < 0.75:
        return sentence
    pair = [sentence, rng.choice(spare)]
    rng.shuffle(pair)
    return " ".join(pair)


def write_evidence(out, sentences, passage, spare, kind, split, rng):
    """One question on a passage, with the evidence named."""
    ask = q.chinese_question if kind == "zh" else q.english_question
    question = ask(rng, sentences[0])
    if question:
        evidence = draw_evidence(rng, sentences[0], sentences[1:])
        out.write("evidence_" + kind, split,
                  prompt.chat(question, evidence, with_spare(rng, passage, spare), pick_head(rng), evidence=evidence))


def write_copy(out, sentences, passage, kind, split, rng):
    """Quoting on demand: the sentence that begins, ends or goes on as the user says."""
    turns = []
    for sentence in sentences[:4]:
        question, answer = (q.chinese_quote if kind == "zh" else q.english_quote)(rng, sentence)
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    head = prompt.system(pick_head(rng), [passage])
    out.write("quote", split, {"messages": [{"role": "system", "content": head}] + turns})


def write_lookups(out, rng, count):
    for i in range(count):
        title, passage, pairs = synthetic.lookup(rng)
        turns = [{"role": role, "content": text} for pair in pairs for role, text in zip(("user", "assistant"), pair)]
        head = prompt.system(pick_head(rng), [(title, passage)])
        out.write("lookup", "valid" if i % 100 == 0 else "train", {"messages": [{"role": "system", "content": head}] + turns})


def frequent_words(data, count=20000):
    """Words of the English documents, drawn from alike, so that a sequence of them says nothing about its next."""
    seen = collections.Counter()
    for name in ENGLISH:
        for document in read_gz(data / "corpus" / f"{name}.jsonl.gz"):
            seen.update(re.findall(r"\b[A-Za-z]{2,14}\b", document["text"]))
    return [word for word, _ in seen.most_common(count)]


def write_recalls(out, rng, words, count):
    for i in range(count):
        messages = synthetic.recall(rng, words, pick_head(rng))
        out.write("recall", "valid" if i % 100 == 0 else "train", {"messages": messages})


def write_dialogues(out, data):
    with open(data / "synthetic-persona-chat" / "valid.csv") as file:
        for i, row in enumerate(csv.DictReader(file)):
            turns = re.findall(r"^User ([12]): (.+)$", row["Best Generated Conversation"], flags=re.M)
            messages = [{"role": "user" if who == "1" else "assistant", "content": text} for who, text in turns]
            emit_dialogue(out, f"spc{i}", messages)
    for path in sorted((data / "taskmaster-reward" / "dialogues").glob("*.json.gz")):
        for dialogue in json.load(gzip.open(path)):
            messages = [{"role": "user" if u["speaker"] == "user" else "assistant", "content": u["text"]} for u in dialogue["utterances"]]
            emit_dialogue(out, dialogue["conversation_id"], messages)
    for language in ("en", "cn"):
        for user in json.load(open(data / "memorybank" / f"memory_bank_{language}.json")).values():
            for date, turns in user["history"].items():
                messages = [{"role": role, "content": t[key].strip()} for t in turns if isinstance(t, dict) and "query" in t and "response" in t
                            for role, key in (("user", "query"), ("assistant", "response"))]
                emit_dialogue(out, user["name"] + date, messages)


def emit_dialogue(out, key, messages):
    merged = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1]["content"] += " " + message["content"]
        elif merged or message["role"] == "user":
            merged.append(dict(message))
    if len(merged) >= 2:
        out.write("dialogue", "valid" if is_valid(key) else "train", {"messages": merged})


def read_lines(folder):
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in open(path)]


def sentence_with(text, fact, lang):
    splitter = r"(?<=[。！？])|\n" if lang == "zh" else r"(?<=[.!?])\s+(?=[A-Z\"'(0-9])|\n"
    for sentence in re.split(splitter, text):
        if fact in sentence:
            return sentence.strip()
    raise ValueError(f"no sentence holds the key fact: {fact}")


def desk_chunks(article):
    return [chunk for _, chunk in chunks(article["text"], 60, 420 if article["lang"] == "zh" else 900)]


def desk_candidates(article):
    """Its passages, and the same joined by two, since a search may return either."""
    single = desk_chunks(article)
    return single + [f"{one}\n\n{two}" for one, two in zip(single, single[1:])]


def desk_passages(rng, articles, article, answer):
    """One to three passages, one of which holds the answer."""
    home = [c for c in desk_candidates(article) if answer in c] or [answer]
    passages = [(article["title"], rng.choice(home))]
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        other = rng.choice([a for a in articles.values() if a["lang"] == article["lang"]])
        spare = [c for c in desk_candidates(other) if answer not in c and len(c) < 700]
        if spare:
            passages.append((other["title"], rng.choice(spare)))
    rng.shuffle(passages)
    return passages


def write_desk(out, example, rng):
    """The articles that may train, and questions on them, answered by the sentence that holds the key fact."""
    articles = {a["id"]: a for a in read_lines(example / "knowledge") if a["split"] == "train"}
    questions = questions_by_article(example)
    names = people(example)
    for article in articles.values():
        out.write("desk_text", "train", {"text": f"# {article['title']}\n\n{article['text']}"})
        write_questions(out, rng, articles, article, questions[article["id"]])
        for _ in range(REDRAWN):
            write_questions(out, rng, articles, *redrawn(rng, article, questions[article["id"]], names))


def questions_by_article(example):
    grouped = collections.defaultdict(list)
    for item in read_lines(example / "questions"):
        grouped[item["article"]].append(item)
    return grouped


def people(example):
    names = [employee["attributes"]["name"] for employee in map(json.loads, open(example / "employees.jsonl"))]
    return [name for name in names if name.isascii()]


def redrawn(rng, article, questions, names):
    """The article and its questions with most of the key facts drawn anew."""
    drawn = redraw.drawn_values(rng, [item["key_fact"] for item in questions], names)
    changed = [{**item, "key_fact": drawn.get(item["key_fact"], item["key_fact"])} for item in questions]
    return {**article, "text": redraw.replace(article["text"], drawn)}, changed


def write_questions(out, rng, articles, article, questions):
    """Each question once, those on one passage now and then as one conversation; and questions on some other sentences."""
    lang = article["lang"]
    pairs = [(item["question"], sentence_with(article["text"], item["key_fact"], lang)) for item in questions]
    split = q.split_chinese if lang == "zh" else q.split_english
    sentences = [s for chunk in desk_chunks(article) for s in split(chunk.replace("\n", " "))]
    for sentence in rng.sample(sentences, min(4, len(sentences))):
        question = (q.chinese_question if lang == "zh" else q.english_question)(rng, sentence)
        if question:
            pairs.append((question, sentence))
    rng.shuffle(pairs)
    while pairs:
        first = pairs.pop()
        passages = desk_passages(rng, articles, article, first[1])
        together = [first]
        if rng.random() < 0.6:
            together += [pair for pair in pairs if any(pair[1] in text for _, text in passages)]
            pairs = [pair for pair in pairs if pair not in together]
        turns = [{"role": role, "content": text} for pair in together for role, text in zip(("user", "assistant"), pair)]
        out.write("desk_qa", "train", {"messages": [{"role": "system", "content": prompt.system(prompt.DESK, passages)}] + turns})
        for question, answer in together[:2]:
            evidence = draw_evidence(rng, answer, sentences)
            passages = desk_passages(rng, articles, article, answer)
            out.write("desk_evidence", "train", prompt.chat(question, evidence, passages, prompt.DESK, evidence=evidence))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus"))
    parser.add_argument("--lookups", type=int, default=20000)
    parser.add_argument("--recalls", type=int, default=16000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    out = Output(options.out)
    write_documents(out, options.data, rng)
    write_lookups(out, rng, options.lookups)
    write_recalls(out, rng, frequent_words(options.data), options.recalls)
    write_dialogues(out, options.data)
    write_desk(out, options.example, rng)
    for name, size in sorted(out.sizes.items()):
        print(f"{name:20} {size / 1e6:8.2f} MB")


if __name__ == "__main__":
    main()
