"""Records what the reference library makes of many lines of mixed English, Chinese, code, emoji and control characters.

Needs `pip install tokenizers` (made with 0.20.3). Run from the project root, after make_tokenizer_goldens.py and
compare_tokenizers.py --write (which makes tekken.json):
    python3 tools/goldens/make_mixed_line_goldens.py [DIRECTORY_OF_GGUF_VOCABULARIES]
Writes src/kith/text/testdata/mixed_lines.golden.json:
    {"num_lines", "block", "fragments", "ranges", "digests": {KIND: [one number for each block of lines]}}
The lines themselves are drawn alike here and by tokenizer_lines_test.cc from `fragments` and `ranges` of code points,
so that the file stays small however many lines are compared. A digest is FNV-1a over the ids of its lines.
The vocabularies of published models, read from GGUF files, are kinds too; their digests are kept if there is no directory.
"""
import json
import pathlib
import sys

from tokenizers import Tokenizer

import published_tokenizers

TESTDATA = pathlib.Path("src/kith/text/testdata")
OUT = TESTDATA / "mixed_lines.golden.json"
KINDS = ["gpt2", "llama3", "qwen2", "digits", "tekken", "llama2", "metaspace", "metaspace_whole", "words", "bert", "bert_cased"]
NUM_LINES = 12000
BLOCK = 100
MASK = (1 << 64) - 1

FRAGMENTS = [
    " ", " ", " ", " ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "the", "The", "printer", "printers", "PRINTER", "does", "not", "don't",
    "it's", "I'VE", "they'll", "password", "reset", "unreachable", "internationalization", "a", "I", "of", "queue-42", "10:45", "3.14159",
    "1234567890", "2025-03-01", "50%", "$19.99", "e.g.", "C++", "C#", "x_y", "snake_case_name", "camelCaseName", "HTTP/1.1", "user@example.org",
    "https://example.org/a?b=c&d=%20", "打印机", "不能打印", "，", "。", "密码", "三楼", "新同事", "重置！", "「", "」", "プリンター", "確認", "カタカナ", "ひらがな", "한국어",
    "프린터", "Принтер", "печатает", "größe", "Straße", "ÉTAGE", "réseau", "naïve", "Ελληνικά", "ΣΊΣΥΦΟΣ", "עברית", "العربية", "हिन्दी", "ไทย",
    "İstanbul", "e\u0301", "\u0308", "ﬁ", "½", "①", "Ⅷ", "…", "—", "–", "“", "”", "‘", "’", "«", "»", "·", "№", "™", "😀", "👍🏽", "🖨️",
    "👩‍👩‍👧‍👦", "🇩🇪", "✓", "→", "█", "\u0000", "\u0001", "\u0007", "\u001b[31m", "\u007f", "\u0085", "\u00ad", "\u200b", "\u200d", "\u2028", "\u202e",
    "\ufeff", "\ufffd", "\ue000", "(", ")", "[", "]", "{", "}", "<", ">", "!", "!!", "?", ".", "...", ",", ";", ":", "'", "\"", "`", "```", "#", "##",
    "##ing", "@", "&", "&&", "||", "==", "!=", "=>", "->", "::", "//", "/* */", "\\n", "\\", "^", "~", "def f(x):", "\n    return x", "int main() {",
    "for (int i = 0; i < 10; ++i)", "SELECT * FROM users WHERE id = 1;", "<div class=\"a\">", "</div>", "{\"key\": [1, null]}", "[CLS]", "[UNK]",
    "<s>", "<unk>", "<|im_end|>", "▁", "Ġ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "𠮷", "𝒳𝓎", "\u0661\u0662",
]
# Assigned since long, so that the ages of Unicode tables do not matter.
RANGES = [[0x20, 0x7E], [0x20, 0x7E], [0x1, 0x1F], [0xA0, 0x17F], [0x300, 0x36F], [0x391, 0x3A1], [0x3A3, 0x3CE], [0x410, 0x44F], [0x5D0, 0x5EA],
          [0x621, 0x64A], [0x905, 0x939], [0x2010, 0x2027], [0x20A0, 0x20B5], [0x2190, 0x21FF], [0x3041, 0x3096], [0x30A1, 0x30FA],
          [0x4E00, 0x9FA5], [0x4E00, 0x9FA5], [0xAC00, 0xD7A3], [0xF900, 0xFA2D], [0xFF01, 0xFF5E], [0x1F300, 0x1F320], [0x1F600, 0x1F640],
          [0x20000, 0x2A6D6]]


class Draw:
    """A linear congruential generator (Knuth's MMIX), the same as in the test."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % limit


def make_lines():
    draw = Draw(7)
    for _ in range(NUM_LINES):
        line = ""
        for _ in range(1 + draw.below(14)):
            if draw.below(6) == 0:
                first, last = RANGES[draw.below(len(RANGES))]
                line += chr(first + draw.below(last - first + 1))
            else:
                line += FRAGMENTS[draw.below(len(FRAGMENTS))]
        yield line


def digests(tokenizer):
    values = []
    digest = 0
    for i, line in enumerate(make_lines()):
        if i % BLOCK == 0:
            digest = 0xCBF29CE484222325
        for id in tokenizer.encode(line, add_special_tokens=False).ids + [MASK >> 32]:
            digest = ((digest ^ id) * 0x100000001B3) & MASK
        if (i + 1) % BLOCK == 0:
            values.append(digest >> 32)
    return values


def main():
    result = json.loads(OUT.read_text()) if OUT.exists() else {"digests": {}}
    result.update(num_lines=NUM_LINES, block=BLOCK, fragments=FRAGMENTS, ranges=RANGES)
    for kind in KINDS:
        result["digests"][kind] = digests(Tokenizer.from_file(str(TESTDATA / f"{kind}.json")))
    if len(sys.argv) > 1:
        for kind in published_tokenizers.KINDS:
            result["digests"][kind] = digests(published_tokenizers.load_published(kind, pathlib.Path(sys.argv[1])))
    OUT.write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")
    print({kind: len(values) for kind, values in result["digests"].items()})


if __name__ == "__main__":
    main()
