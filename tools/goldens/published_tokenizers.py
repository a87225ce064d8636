"""The vocabularies of published models, from GGUF files, as tokenizers of the reference library.

Imported by the scripts beside it. Needs `pip install tokenizers`.
"""
import struct

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

KINDS = ["gpt-2", "gpt-neox", "bert-bge"]
# Of a GGUF vocabulary.
CONTROL, USER_DEFINED = 3, 4


class Gguf:
    """The arrays of a GGUF file's key-value part (version 3, little-endian)."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        self.at = 16
        self.values = {}
        for _ in range(self.number("<Q")):
            key = self.string()
            self.values[key] = self.value(self.number("<I"))

    def number(self, form):
        (value,) = struct.unpack_from(form, self.bytes, self.at)
        self.at += struct.calcsize(form)
        return value

    def string(self):
        length = self.number("<Q")
        self.at += length
        return self.bytes[self.at - length:self.at].decode("utf-8")

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            item = self.number("<I")
            return [self.value(item) for _ in range(self.number("<Q"))]
        return self.number("<" + "BbHhIif?__QqdX"[kind])


def byte_level(pieces, merges, normalizer):
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, [tuple(m.split(" ")) for m in merges]))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def word_piece(pieces):
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def unmarked(piece):
    """A piece of BERT's: the format marks the beginnings of words instead of their insides."""
    if piece.startswith("[") and piece.endswith("]"):
        return piece
    return piece[1:] if piece.startswith("▁") else "##" + piece


def load_published(kind, directory):
    """One of KINDS, from ggml-vocab-KIND.gguf in `directory`."""
    values = Gguf(directory / f"ggml-vocab-{kind}.gguf").values
    pieces = values["tokenizer.ggml.tokens"]
    types = values["tokenizer.ggml.token_type"]
    if kind == "bert-bge":
        tokenizer = word_piece([unmarked(piece) for piece in pieces])
    else:
        normalizer = normalizers.NFC() if kind == "gpt-neox" else None
        tokenizer = byte_level(pieces, values["tokenizer.ggml.merges"], normalizer)
    tokenizer.add_special_tokens([p for p, t in zip(pieces, types) if t == CONTROL])
    tokenizer.add_tokens([AddedToken(p, normalized=True) for p, t in zip(pieces, types) if t == USER_DEFINED])
    return tokenizer
