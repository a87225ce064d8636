// Vocabularies of published models, from the GGUF files of the public test data. Test code only.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/text/test_tokenizers.h"

namespace kith::text {

// Reads the key-value part of a GGUF file (version 3, little-endian), as far as this test needs it.
class GgufReader {
 public:
  explicit GgufReader(std::string bytes) : bytes_(std::move(bytes)) {}

  // The member `key`, an array of strings; empty if the file is malformed or has no such member.
  std::vector<std::string> strings(const std::string& key) {
    at_ = 16;
    for (auto left = read<std::uint64_t>(); left > 0 && !failed_; --left) {
      const std::string name = read_string();
      std::vector<std::string> found = read_value(read<std::uint32_t>());
      if (name == key) return failed_ ? std::vector<std::string>() : found;
    }
    return {};
  }

 private:
  static constexpr std::uint32_t kString = 8;
  static constexpr std::uint32_t kArray = 9;

  template <typename T>
  T read() {
    T value{};
    if (at_ + sizeof(T) > bytes_.size()) {
      failed_ = true;
    } else {
      std::memcpy(&value, bytes_.data() + at_, sizeof(T));
      at_ += sizeof(T);
    }
    return value;
  }

  std::string read_string() {
    const auto length = read<std::uint64_t>();
    failed_ = failed_ || length > bytes_.size() - at_;
    if (failed_) return {};
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }

  std::vector<std::string> read_value(std::uint32_t type) {
    constexpr std::array<std::uint8_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (type == kString) return {read_string()};
    if (type != kArray) {
      at_ += kSizes.at(type);
      return {};
    }
    std::vector<std::string> values;
    const auto item_type = read<std::uint32_t>();
    for (auto left = read<std::uint64_t>(); left > 0 && !failed_; --left) {
      for (auto& value : read_value(item_type)) values.push_back(std::move(value));
    }
    return values;
  }

  std::string bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

inline base::Json vocabulary_json(const std::vector<std::string>& pieces) {
  base::Json vocab = base::Json::object();
  TokenId id = 0;
  for (const std::string& piece : pieces) vocab[piece] = id++;
  return vocab;
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
  auto tokenizer = Tokenizer::from_json(base::dump_json(json));
  KITH_CHECK(tokenizer.has_value(), "the published vocabulary loads");
  return *std::move(tokenizer);
}

}  // namespace kith::text
