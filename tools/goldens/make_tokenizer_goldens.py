"""Trains tiny tokenizers of each supported kind and records what the reference library makes of texts.

Needs `pip install tokenizers` (measured with 0.23; the BERT kinds with 0.20). Run from the project root:
    python3 tools/goldens/make_tokenizer_goldens.py [KIND...]
Writes src/kith/text/testdata/<kind>.json (a tokenizer.json) and <kind>.golden.json:
    [{"text", "ids", "ids_special", "decoded", "decoded_skip"}], where ids_special has the post-processor's
tokens (left out if it adds none) and "decoded" is the decoding of "ids" (left out if it is the text).
"""
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

OUT = pathlib.Path("src/kith/text/testdata")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

# Written for this purpose; enough repetition for merges to appear.
CORPUS = [
    "the printer on the third floor does not print, and the queue says that the driver is missing",
    "please reset the password of the new colleague before the end of the day, thank you",
    "The network share isn't reachable; I've tried twice and they'll try again at 10:45",
    "def reset(user):\n    if user is None:\n        return 0\n    return user.reset()\n",
    "for (int i = 0; i < 10; ++i) { total += values[i]; }\n",
    "打印机不能打印，请帮忙看看。新同事的密码需要重置，谢谢。打印机在三楼。",
    "Die Drucker im dritten Stock drucken nicht, bitte prüfen Sie die Geräte für das Büro",
    "l'imprimante ne marche pas à l'étage, ça dépend du réseau où je suis",
    "Принтер не печатает, пожалуйста проверьте сеть",
    "プリンターが印刷できません。確認してください。",
    "I am happy 😀 that the printer 🖨️ works again 👍🏽 in 2025, order 12345",
] * 8

TEXTS = [
    "", " ", "  ", "\n", "\t", "a", " a", "a ", "Hello world", "  leading and   inner  spaces ",
    "the printer does not print", "I've they'll isn't DON'T I'M we'Re", "line one\nline two\r\n\r\n  line three\n",
    "tabs\t\tand\u00a0no-break\u2003em space", "x = 12345678 + 3.14159; // 50%", "10:45 on 2025-03-01",
    "打印机不能打印，请帮忙。", "三楼 printer 坏了", "プリンター 確認", "Принтер не печатает",
    "größe GRÖSSE Straße", "e\u0301 cafe\u0301 é", "\u1e9b\u0323 ﬁ ﬀ Å Å ①②", "İstanbul ıI",
    "😀👍🏽🖨️👩‍👩‍👧‍👦", "mixed😀text打印x", "\u0000\u0001\u001f control \u007f", "\u200b\u200dzero\ufeff width",
    "def f(x):\n\treturn x  # comment\n\n\n", "    four\n        eight", "a\u2028b\u2029c\u0085d", "\u180e mongolian",
    "<|im_start|>user\nhi<|im_end|>", "<|endoftext|>", "x<|im_end|>y", "<s>", "</s> end", "<unk>",
    "half <|im_st", "word<mask>word", " <mask> ", "say custom now", "customary", "a custom, b",
    "ﷺ 한국어 텍스트 हिन्दी ไทย עברית العربية", "\u0661\u0662\u0663 ½ Ⅷ", "𝒳𝓎 𠀀𠀁", "....!!!???", "-- — … « »",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the" * 60, "\n\n \n  \n", "▁already ▁▁marked", "Ġsymbols Ċ", "<0x0A> <0xE6>", "it's THE’s quote’s ſ'ſ",
]


# What only the BERT kinds are asked as well: their texts for control tokens, words without pieces and beyond
# the length limit, ideographs outside the blocks that BERT spaces, contractions.
BERT_TEXTS = [
    "[CLS] reset [SEP] [MASK] [PAD]", "[UNK]", "x[SEP]y [sep] [ SEP ]", "printer" * 14, "printers printerly unprinted",
    "don't do not it's we've they're I'm 'quoted' ' s", "a.b,c;d:e!f?g", "𠀀\U0002b820\U0002b920\u3007々〆", "ÀÉÎõü Ñandú Ǆ ǅ",
    "soft\u00adhyphen\u200ejoin\u2060er\ufffd \ue000 private", "\u0300combining first", "①½ ² ㎏ ﬁ", "İI ẞß Σίσυφος",
    "¡hola! «a» „b“ ※ ± § © ™ ~ ^ ` $ + < = > |",
]


def record(kind, tokenizer, texts=TEXTS):
    path = OUT / f"{kind}.json"
    path.write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(path))
    rows = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        row = {"text": text, "ids": ids}
        # Members that say nothing new are left out: the files stay small.
        for key, value, usual in (
                ("ids_special", tokenizer.encode(text).ids, ids),
                ("decoded", tokenizer.decode(ids, skip_special_tokens=False), text),
                ("decoded_skip", tokenizer.decode(ids, skip_special_tokens=True), text)):
            if value != usual:
                row[key] = value
        rows.append(row)
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    (OUT / f"{kind}.golden.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def byte_level(pre_tokenizer, vocab_size=420, specials=(), normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=list(specials), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), specials=CHATML)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_tokens([AddedToken("custom", single_word=True, normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True)])
    return tokenizer


def llama3():
    tokenizer = byte_level(split_then_bytes(LLAMA3), specials=["<s>"] + CHATML, ignore_merges=True)
    bos = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", bos)])])
    return tokenizer


def qwen2():
    return byte_level(split_then_bytes(QWEN2), specials=CHATML, normalizer=normalizers.NFC())


def digits():
    pre = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)])
    normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    return byte_level(pre, specials=CHATML, normalizer=normalizer)


def sentencepiece(pre_tokenizer, normalizer, decoder, byte_fallback=True, fuse_unk=True):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    # Training needs words; what encoding does is set afterwards.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    specials = ["<unk>", "<s>", "</s>"]
    if byte_fallback:
        specials += [f"<0x{i:02X}>" for i in range(256)]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=560 if byte_fallback else 300, special_tokens=specials, show_progress=False,
        limit_alphabet=70))
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = spec["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    else:
        spec = json.loads(tokenizer.to_str())
        spec["pre_tokenizer"] = None
        tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.decoder = decoder
    bos, eos = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B", special_tokens=[("<s>", bos), ("</s>", eos)])
    return tokenizer


def llama2():
    return sentencepiece(
        None,
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                           decoders.Strip(" ", 1, 0)]))


def metaspace():
    return sentencepiece(pre_tokenizers.Metaspace(prepend_scheme="first"), None,
                         decoders.Metaspace(prepend_scheme="first"), byte_fallback=False, fuse_unk=False)


def metaspace_whole():
    return sentencepiece(pre_tokenizers.Metaspace(prepend_scheme="always", split=False), None,
                         decoders.Metaspace(), byte_fallback=False)


def words():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFD()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("e", "merged_with_previous"),
        pre_tokenizers.Split("t", "merged_with_next"), pre_tokenizers.Digits(individual_digits=False)])
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def word_piece(lowercase, vocab_size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    return tokenizer


def bert():
    return word_piece(lowercase=True, vocab_size=500)


def bert_cased():
    tokenizer = word_piece(lowercase=False, vocab_size=400)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return tokenizer


MAKERS = (gpt2, llama3, qwen2, digits, llama2, metaspace, metaspace_whole, words, bert, bert_cased)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or [make.__name__ for make in MAKERS]
    for make in MAKERS:
        if make.__name__ in wanted:
            is_bert = make.__name__.startswith("bert")
            record(make.__name__, make(), TEXTS + BERT_TEXTS if is_bert else TEXTS)


if __name__ == "__main__":
    main()
