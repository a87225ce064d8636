// The files by which a sentence-transformers directory says how token states become one vector:
// modules.json, the pooling's config.json, sentence_bert_config.json and
// config_sentence_transformers.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::model {

enum class Pooling : std::uint8_t {
  kMean,  // the mean of all tokens' states, special tokens included
  kCls,   // the first token's state
};

struct SentenceConfig {
  // Directory of the encoder, relative to the model's; mostly empty.
  std::filesystem::path encoder_dir;
  Pooling pooling = Pooling::kMean;
  // Vectors are brought to length 1.
  bool normalizes = false;
  // Longest text in tokens, special tokens included, if the directory says.
  std::optional<int> max_tokens;
  // Stands before every text; mostly empty.
  std::string prompt;

  friend bool operator==(const SentenceConfig&, const SentenceConfig&) = default;
};

// A directory without modules.json is a plain encoder: mean pooling, no normalisation, as
// sentence-transformers takes it.
// Errors: kInvalidArgument naming the file and what is wrong: a module other than Transformer,
//   Pooling, Normalize in that order, a pooling mode other than mean and cls, a path that leaves
//   the directory.
Result<SentenceConfig> load_sentence_config(const std::filesystem::path& dir);

// The parts, from their texts.
struct SentenceModules {
  std::filesystem::path encoder_dir;
  std::filesystem::path pooling_dir;
  bool normalizes = false;
};
Result<SentenceModules> parse_sentence_modules(std::string_view json_text);
Result<Pooling> parse_pooling_config(std::string_view json_text);
// max_seq_length of sentence_bert_config.json, if it is there.
Result<std::optional<int>> parse_max_tokens(std::string_view json_text);
// The text of the default prompt of config_sentence_transformers.json, empty without one.
Result<std::string> parse_default_prompt(std::string_view json_text);

}  // namespace kith::model
