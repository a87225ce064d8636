// Vocabularies of published models, from the GGUF files of the public test data. Test code only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/text/test_gguf.h"
#include "kith/text/test_tokenizers.h"

namespace kith::text {

inline base::Json vocabulary_json(const std::vector<std::string>& pieces) {
  base::Json vocab = base::Json::object();
  TokenId id = 0;
  for (const std::string& piece : pieces) vocab[piece] = id++;
  return vocab;
}

// Control tokens, and tokens written by the vocabulary's users (runs of spaces in GPT-NeoX), which
// are found before merging.
inline base::Json added_tokens_json(const std::vector<std::string>& pieces,
                                    const std::vector<std::int32_t>& types) {
  constexpr std::int32_t kControl = 3;
  constexpr std::int32_t kUserDefined = 4;
  base::Json added = base::Json::array();
  for (std::size_t i = 0; i < pieces.size() && i < types.size(); ++i) {
    if (types[i] != kControl && types[i] != kUserDefined) continue;
    added.push_back({{"id", i},
                     {"content", pieces[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", types[i] == kUserDefined},
                     {"special", types[i] == kControl}});
  }
  return added;
}

inline base::Json byte_level_json(GgufReader& gguf) {
  return {{"model",
           {{"type", "BPE"},
            {"vocab", vocabulary_json(gguf.strings("tokenizer.ggml.tokens"))},
            {"merges", gguf.strings("tokenizer.ggml.merges")}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

inline base::Json word_piece_json(GgufReader& gguf) {
  std::vector<std::string> pieces = gguf.strings("tokenizer.ggml.tokens");
  // The format marks the beginnings of words instead of their insides.
  const std::string mark = "▁";
  for (std::string& piece : pieces) {
    if (piece.starts_with('[') && piece.ends_with(']')) continue;
    piece = piece.starts_with(mark) ? piece.substr(mark.size()) : "##" + piece;
  }
  return {{"model",
           {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", vocabulary_json(pieces)}}},
          {"normalizer", {{"type", "BertNormalizer"}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"decoder", {{"type", "WordPiece"}}}};
}

// "gpt-2", "gpt-neox" or "bert-bge"; nothing without the file.
inline std::optional<Tokenizer> load_published_tokenizer(const std::string& name) {
  auto file = base::read_file(public_data("tokenizers-gguf/ggml-vocab-" + name + ".gguf"));
  if (!file) return std::nullopt;
  GgufReader gguf(*std::move(file));
  base::Json json = name == "bert-bge" ? word_piece_json(gguf) : byte_level_json(gguf);
  if (name == "gpt-neox") json["normalizer"] = {{"type", "NFC"}};
  json["added_tokens"] = added_tokens_json(gguf.strings("tokenizer.ggml.tokens"),
                                           gguf.integers("tokenizer.ggml.token_type"));
  auto tokenizer = Tokenizer::from_json(base::dump_json(json));
  KITH_CHECK(tokenizer.has_value(), "the published vocabulary loads");
  return *std::move(tokenizer);
}

}  // namespace kith::text
