#!/usr/bin/env python3
"""Compares Kith's tokenizers with Hugging Face `tokenizers` on thousands of generated lines.

    compare_tokenizers.py --kith build/release/kith --data ../shared/data [--lines 12000] [--kinds NAME...]
    compare_tokenizers.py --data ../shared/data --write src/kith/text/testdata/lines.golden.json

Needs `pip install tokenizers` (measured with 0.23). The lines mix English, Chinese and other scripts, code,
numbers, emoji with their joiners, control characters, white space of every kind, combining marks and code
points drawn at random; a seed makes them. The vocabularies are those of GPT-2, GPT-NeoX and BERT in the GGUF
files of --data, converted to tokenizer.json, tiny ones trained here with the pre-tokenizers of Llama 3,
Qwen 2, Mistral (Tekken) and SentencePiece's white space with byte fallback (Llama 2, Mistral), and the tiny
WordPiece tokenizers of src/kith/text/testdata.
Ends with status 1 if any line differs. --write records what the reference makes of a few lines for
tokenizer_lines_test.cc instead.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, trainers

import published_tokenizers

TESTDATA = pathlib.Path(__file__).parents[2] / "src/kith/text/testdata"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KINDS = published_tokenizers.KINDS + ["llama3", "qwen2", "tekken", "byte_fallback", "bert", "bert_cased"]


# The lines.

ENGLISH = """the printer on third floor does not print queue says driver is missing please reset password of
new colleague before end day thank you network share unreachable tried twice again at order invoice meeting
calendar mailbox signature don't isn't they'll I've we're It's WE'RE HTTP JSON McDonald iPhone naïve café
résumé co-operate e-mail well-known antidisestablishmentarianism a I Ok yes""".split()
CHINESE = """打印机 不能 打印 请 帮忙 看看 新 同事 的 密码 需要 重置 谢谢 三楼 网络 邮箱 无法 打开 服务器 正在 维护 。 ， ！ ？ 、 「 」 《 》 （ ） ： 中文
繁體 臺灣 𠀀 𪚥""".split()
OTHER = ["größe", "Straße", "ÜBER", "l'été", "où", "¿dónde?", "ação", "Принтер", "печатает", "Ёжик", "εκτυπωτής", "Ω", "プリンター",
         "が", "印刷", "できません", "ｶﾀｶﾅ", "한국어", "텍스트", "हिन्दी", "क्षि", "ไทย", "ที่", "עברית", "שָׁלוֹם", "العربية", "مُحَمَّد",
         "İstanbul", "ıI", "ǅ", "ﬁn", "ﷺ", "Ⅷ", "½", "x²", "①", "٣٤", "๑๒", "𝒳𝓎", "𝟘𝟙", "Å", "Å", "e\u0301", "n\u0303o",
         "ẛ̣", "ſ't", "THE’s", "‘quoted’", "“quoted”"]
CODE = ["def f(x):", "\treturn x  # comment", "for (int i = 0; i < 10; ++i) {", "    }", "a->b::c<T>&&", "x = 0xFF_u8;",
        "SELECT * FROM t WHERE a='b';", "{\"k\": [1, 2.5e-3, null]}", "<div class=\"a\">", "</div>", "$HOME/.bashrc", "C:\\Users\\x",
        "https://example.com/a?b=c&d=%20#e", "user@example.com", "!=", "===", "/*", "*/", "//", "\\n", "\\u0041", "__init__",
        "camelCaseWord", "snake_case_word", "SCREAMING_CASE", "kebab-case", "#include <vector>", "`code`", "```", "~/x", "@Override", "->"]
EMOJI = ["😀", "👍🏽", "🖨️", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "❤️‍🔥", "☃", "✔️", "1️⃣", "♂", "🤷🏻‍♀️", "→", "…", "—", "•", "©", "€", "°"]
SPACES = [" ", "  ", "   ", "\t", "\t\t", "\n", "\r\n", "\n\n", " \n ", "\r", "\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\u0085",
          "\x0b", "\x0c", "\u1680", "\u180e", "\u200b", "\u200d", "\u2060", "\ufeff", "\u202f", "        "]
CONTROLS = [chr(c) for c in range(32)] + [chr(c) for c in range(127, 160)] + ["\u200e", "\u202e", "\u061c", "\ue000", "\ufffd", "\uffff",
                                                                            "\U000e0001", "\U0010fffd"]
MARKUP = ["<s>", "</s>", "<unk>", "<0x0A>", "<|endoftext|>", "<|im_start|>", "[INST]", "▁", "▁▁", "Ġ", "Ċ", "<|end", "oftext|>"]
PUNCTUATION = list(".,;:!?'\"()[]{}<>@#$%^&*-_=+|\\/~`") + ["...", "!!!", "'s", "'S", "'re", "'LL", "'", "''", "--", "?!"]


def number(rng):
    form = rng.randrange(6)
    value = rng.randrange(10 ** rng.randint(1, 12))
    return [str(value), f"{value:,}", f"{value / 1000:.3f}", f"{value % 24:02d}:{value % 60:02d}", f"-{value}e{value % 40}",
            f"2025-{value % 12 + 1:02d}-{value % 28 + 1:02d}"][form]


def is_stable(character):
    """Not a surrogate, and no mark or punctuation that is newer than Unicode 3.2: the reference's tables are older
    than Kith's, so that the order of such marks differs, and where BERT cuts words."""
    category = unicodedata.category(character)
    if category == "Cs":
        return False
    return category[0] not in "MP" or unicodedata.ucd_3_2_0.category(character)[0] in "MP"


def random_text(rng):
    """Code points of all planes, mostly of the first."""
    out = []
    for _ in range(rng.randint(1, 8)):
        code = rng.randrange(0x3000) if rng.random() < 0.6 else rng.randrange(0x110000)
        out.append(chr(code) if is_stable(chr(code)) else "?")
    return "".join(out)


def word(rng):
    base = rng.choice(ENGLISH)
    form = rng.randrange(8)
    return [base, base, base, base, base.upper(), base.capitalize(), base * rng.randint(2, 4), base.swapcase()][form]


def piece(rng):
    makers = [(30, lambda: word(rng)), (14, lambda: rng.choice(CHINESE)), (10, lambda: rng.choice(OTHER)),
              (10, lambda: rng.choice(CODE)), (6, lambda: rng.choice(EMOJI)), (8, lambda: number(rng)),
              (8, lambda: rng.choice(PUNCTUATION)), (5, lambda: rng.choice(SPACES)), (4, lambda: rng.choice(CONTROLS)),
              (2, lambda: rng.choice(MARKUP)), (3, lambda: random_text(rng))]
    return rng.choices([make for _, make in makers], [weight for weight, _ in makers])[0]()


def make_line(rng):
    separator = rng.choice([" ", " ", " ", "", "  "])
    pieces = []
    for _ in range(rng.choice([1, 2, 3, 5, 8, 13, 21])):
        pieces.append(piece(rng))
        pieces.append(separator if rng.random() < 0.85 else rng.choice(SPACES))
    return "".join(pieces if rng.random() < 0.2 else pieces[:-1])


def make_lines(count, seed=20):
    rng = random.Random(seed)
    lines = ["", " ", "\n"] + SPACES + CONTROLS + OTHER + EMOJI
    return (lines + [make_line(rng) for _ in range(count - len(lines))])[:count]


# The tokenizers.

def byte_level(pattern, corpus, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<s>", "</s>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def byte_fallback(corpus):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    # Training needs words; what encoding does is set afterwards.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    specials = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=1100, special_tokens=specials + [f"<0x{i:02X}>" for i in range(256)], show_progress=False,
        limit_alphabet=200))
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = spec["added_tokens"][:len(specials)]
    spec["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return tokenizer


def make_tokenizer(kind, data, corpus):
    if kind in published_tokenizers.KINDS:
        return published_tokenizers.load_published(kind, data / "tokenizers-gguf")
    makers = {"llama3": lambda: byte_level(LLAMA3, corpus, ignore_merges=True),
              "qwen2": lambda: byte_level(QWEN2, corpus, normalizers.NFC()),
              "tekken": lambda: byte_level(TEKKEN, corpus, ignore_merges=True),
              "byte_fallback": lambda: byte_fallback(corpus)}
    return makers[kind]() if kind in makers else Tokenizer.from_file(str(TESTDATA / f"{kind}.json"))


# The comparison.

def kith_ids(program, directory, lines):
    done = subprocess.run([program, "model", "tokenize", "--model", str(directory), "--file", "-", "--markup"],
                          input="".join(json.dumps(line) + "\n" for line in lines), stdout=subprocess.PIPE,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(kind, tokenizer, program, lines):
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "tokenizer.json"
        tokenizer.save(str(path))
        expected = [e.ids for e in Tokenizer.from_file(str(path)).encode_batch(lines, add_special_tokens=False)]
        actual = kith_ids(program, directory, lines)
    different = [i for i in range(len(lines)) if actual[i] != expected[i]]
    print(f"{kind}: {len(lines) - len(different)} of {len(lines)} lines equal, "
          f"{sum(len(ids) for ids in expected)} tokens", flush=True)
    for i in different[:5]:
        print("  ", json.dumps(lines[i]), "\n    reference", expected[i], "\n    kith     ", actual[i])
    return not different and len(actual) == len(lines)


def write_goldens(path, data, corpus):
    """What each kind makes of a few of the lines: the published vocabularies, tiny tokenizers that are committed
    already, and a tiny Tekken, which is written beside."""
    make_tokenizer("tekken", data, corpus).save(str(path.parent / "tekken.json"), pretty=False)
    tokenizers = {kind: make_tokenizer(kind, data, corpus) for kind in published_tokenizers.KINDS}
    for kind in ("llama3", "qwen2", "llama2", "tekken", "bert", "bert_cased"):
        tokenizers[kind] = Tokenizer.from_file(str(path.parent / f"{kind}.json"))
    lines = make_lines(2000)
    rows = []
    # Not white space since Unicode 6.3, whatever a library for regular expressions thinks.
    vowel_separator = ["two  \u180ewords", " \n\u180e\u180e x", "\u180e \u180e"]
    for line in lines[8:140:6] + lines[1000:1045] + vowel_separator:
        row = {"text": line}
        row.update({kind: tokenizer.encode(line, add_special_tokens=False).ids for kind, tokenizer in tokenizers.items()})
        rows.append(row)
    path.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kith", default="build/release/kith")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--lines", type=int, default=12000)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--write", type=pathlib.Path)
    arguments = parser.parse_args()
    corpus = make_lines(3000, seed=7)
    if arguments.write:
        write_goldens(arguments.write, arguments.data, corpus)
        return
    lines = make_lines(arguments.lines)
    results = [compare(kind, make_tokenizer(kind, arguments.data, corpus), arguments.kith, lines)
               for kind in arguments.kinds]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
