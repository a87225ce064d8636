#!/usr/bin/env python3
"""Checks patients.jsonl and questions.jsonl beside this file. Pure Python 3.11, no arguments.
Prints what it counted and every broken promise; exit status 0 only if all promises hold."""
import collections, datetime, json, pathlib, re, sys

HERE = pathlib.Path(__file__).resolve().parent
bad = []


def load(name):
    rows = []
    for n, line in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            bad.append(f"{name}:{n}: {error}")
    return rows


def words(text):
    return re.findall(r"\w+", text.lower())


def has(text, phrase):
    return re.search(r"(?<![\w:])" + re.escape(phrase.lower()) + r"(?![\w:])", text.lower()) is not None


def parts(key):
    return [p.strip() for p in key.split(";")]


def has_key(text, key):
    return all(has(text, p) for p in parts(key))


def overlap(name, items, floor):
    """No two items share more than 60 % of the 5-grams of the smaller one (items of at least `floor` words)."""
    grams, where = {}, collections.defaultdict(list)
    for ident, text in items:
        w = words(text)
        if len(w) < floor:
            continue
        grams[ident] = {tuple(w[i:i + 5]) for i in range(len(w) - 4)}
        for g in grams[ident]:
            where[g].append(ident)
    shared = collections.Counter()
    for ids in where.values():
        for i, a in enumerate(ids):
            for b in ids[i + 1:]:
                shared[a, b] += 1
    top, pair = 0.0, None
    for (a, b), n in shared.items():
        share = n / min(len(grams[a]), len(grams[b]))
        if share > top:
            top, pair = share, (a, b)
        if share > 0.6:
            bad.append(f"{name}: {a} and {b} share {share:.0%} of 5-grams")
    print(f"{name}: {len(grams)} compared, highest share of 5-grams {top:.0%} {pair or ''}")


patients, questions = load("patients.jsonl"), load("questions.jsonl")
by_id = {}
turn_items, session_items = [], []
session_counts, turn_counts = collections.Counter(), collections.Counter()
for p in patients:
    pid = p.get("id")
    if set(p) != {"id", "split", "profile", "sessions"}:
        bad.append(f"{pid}: fields {sorted(p)}")
        continue
    if pid in by_id:
        bad.append(f"{pid}: twice")
    by_id[pid] = p
    if len(re.findall(r"[.!?](?=\s|$)", p["profile"])) != 2:
        bad.append(f"{pid}: profile is not two sentences")
    session_counts[len(p["sessions"])] += 1
    if not 3 <= len(p["sessions"]) <= 5:
        bad.append(f"{pid}: {len(p['sessions'])} sessions")
    last = None
    for n, s in enumerate(p["sessions"], 1):
        if set(s) != {"id", "date", "turns"} or s["id"] != f"s{n}":
            bad.append(f"{pid} {s.get('id')}: fields or id")
        day = datetime.date.fromisoformat(s["date"])
        if last and day <= last:
            bad.append(f"{pid} {s['id']}: date not after the session before")
        last = day
        turn_counts[len(s["turns"])] += 1
        if not 4 <= len(s["turns"]) <= 8 or len(s["turns"]) % 2:
            bad.append(f"{pid} {s['id']}: {len(s['turns'])} turns")
        for k, t in enumerate(s["turns"]):
            if set(t) != {"role", "text"} or t["role"] != ("user", "assistant")[k % 2] or not t["text"].strip():
                bad.append(f"{pid} {s['id']} turn {k + 1}: fields, order or empty")
            if re.search(r"\b\d+\s?(mg|ml|mcg|milligrams?|tablets?|pills?|drops)\b", t["text"].lower()):
                bad.append(f"{pid} {s['id']} turn {k + 1}: looks like a dosage")
            if re.search(r"\b(dos(e|es|age|ages)|diagnos\w*|medicines?|medication|prescri\w*|therap\w*|treatments?)\b", t["text"].lower()):
                bad.append(f"{pid} {s['id']} turn {k + 1}: looks like medical content")
            turn_items.append((f"{pid}.{s['id']}.{k + 1}", t["text"]))
        session_items.append((f"{pid}.{s['id']}", " ".join(t["text"] for t in s["turns"])))
    if len(p["sessions"]) > 1:
        span = (last - datetime.date.fromisoformat(p["sessions"][0]["date"])).days
        if span < 45:
            bad.append(f"{pid}: only {span} days from first to last session")

FIELDS = {"id", "patient", "split", "session", "memory", "question", "answer", "key", "distractors", "evidence"}
kinds, per_patient = collections.Counter(), collections.Counter()
by_split, longest, shortest = collections.Counter(), 0, 0
for n, q in enumerate(questions, 1):
    qid = q.get("id")
    if set(q) != FIELDS or qid != f"q{n:03d}":
        bad.append(f"{qid}: fields or id")
        continue
    p = by_id.get(q["patient"])
    if not p or p["split"] != q["split"]:
        bad.append(f"{qid}: patient or split")
        continue
    per_patient[q["patient"]] += 1
    kinds[q["memory"]] += 1
    by_split[q["split"], q["memory"]] += 1
    order = [s["id"] for s in p["sessions"]]
    if q["session"] not in order:
        bad.append(f"{qid}: no session {q['session']}")
        continue
    at = order.index(q["session"])
    text = [" ".join(t["text"] for t in s["turns"]) for s in p["sessions"]]
    now, before = text[at], " ".join(text[:at])
    ev_now = ev_before = 0
    ev_text = ""
    for e in q["evidence"]:
        if e["session"] not in order or not 1 <= e["turn"] <= len(p["sessions"][order.index(e["session"])]["turns"]):
            bad.append(f"{qid}: evidence {e} does not exist")
            continue
        i = order.index(e["session"])
        ev_text += " " + p["sessions"][i]["turns"][e["turn"] - 1]["text"]
        ev_now += i == at
        ev_before += i < at
        if i > at:
            bad.append(f"{qid}: evidence after the question")
    if not has_key(q["answer"], q["key"]):
        bad.append(f"{qid}: key not in answer")
    if has_key(q["question"], q["key"]) or has_key(p["profile"], q["key"]):
        bad.append(f"{qid}: key in the question or the profile")
    if len(q["distractors"]) != 3 or len({d.lower() for d in q["distractors"]} | {q["answer"].lower()}) != 4:
        bad.append(f"{qid}: not three different distractors")
    for d in q["distractors"]:
        if has_key(d, q["key"]):
            bad.append(f"{qid}: distractor contains the key: {d}")
        if max(len(d), len(q["answer"])) > 2.2 * min(len(d), len(q["answer"])) and abs(len(d) - len(q["answer"])) > 8:
            bad.append(f"{qid}: distractor of another length: {d}")
    lengths = [len(d) for d in q["distractors"]]
    longest += len(q["answer"]) > max(lengths)
    shortest += len(q["answer"]) < min(lengths)
    kind = q["memory"]
    if kind == "short":
        if not ev_now or ev_before or not has_key(now, q["key"]) or not has_key(ev_text, q["key"]):
            bad.append(f"{qid}: short, but evidence or key not in the current session")
        if has_key(before, q["key"]):
            bad.append(f"{qid}: short, but the key stands in earlier sessions too")
    elif kind == "long":
        if ev_now or not ev_before or not has_key(ev_text, q["key"]):
            bad.append(f"{qid}: long, but evidence or key not in earlier sessions only")
        if has_key(now, q["key"]):
            bad.append(f"{qid}: long, but the key stands in the current session")
    elif kind == "both":
        if not ev_now or not ev_before:
            bad.append(f"{qid}: both, but evidence from one side only")
        if has_key(now, q["key"]) or has_key(before, q["key"]):
            bad.append(f"{qid}: both, but one side alone holds the whole key")
    elif kind == "none":
        if q["evidence"]:
            bad.append(f"{qid}: none, but evidence given")
    else:
        bad.append(f"{qid}: memory {kind}")

n_q = len(questions)
if len(patients) != 30 or [p["id"] for p in patients] != [f"pt{i:02d}" for i in range(1, 31)]:
    bad.append(f"{len(patients)} patients or ids out of order")
splits = collections.Counter(p["split"] for p in patients)
if splits != {"train": 15, "test": 15}:
    bad.append(f"splits {dict(splits)}")
if n_q != 150 or any(per_patient[p] != 5 for p in by_id):
    bad.append(f"{n_q} questions, per patient {sorted(set(per_patient.values()))}")
for kind, want in {"short": 40, "long": 60, "both": 35, "none": 15}.items():
    if abs(kinds[kind] - want) > 2:
        bad.append(f"{kind}: {kinds[kind]}, wanted about {want}")
if n_q and (longest / n_q > 0.4 or shortest / n_q > 0.4):
    bad.append("answers can be told from distractors by their length")
print(f"patients {len(patients)} {dict(splits)}, sessions per patient {dict(sorted(session_counts.items()))}, "
      f"turns per session {dict(sorted(turn_counts.items()))}, turns {len(turn_items)}, "
      f"words {sum(len(words(t)) for _, t in turn_items)}")
print(f"questions {n_q} {dict(kinds)}; by split { {' '.join(k): v for k, v in sorted(by_split.items())} }")
heard = 0
for q in questions:
    p = by_id.get(q.get("patient"))
    if p and q["memory"] != "none":
        said = " ".join(t["text"] for s in p["sessions"] for t in s["turns"])
        core = [re.sub(r"^(in|on|at|from|by|to|with|before|after|between|number|room|a|an|the|my)( the| my)? ", "", d) for d in q["distractors"]]
        heard += any(has(said, c) for c in core)
print(f"questions with a distractor that was itself said in the sessions (old or neighbouring value): {heard}")
print(f"answer strictly longest {longest}, strictly shortest {shortest} of {n_q}")
overlap("turns", turn_items, 8)
overlap("sessions", session_items, 8)
overlap("questions", [(q["id"], q.get("question", "")) for q in questions], 8)
for line in bad:
    print("BROKEN:", line)
print("all promises hold" if not bad else f"{len(bad)} broken")
sys.exit(1 if bad else 0)
