// Trains a byte-level BPE vocabulary and writes it as a Hugging Face tokenizer.
//
// Method: byte pair encoding (Sennrich et al., 2016) over GPT-2's pre-tokens, with pair counts
// updated in place and a heap of candidates, so that a merge costs only the words that hold the
// pair.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kith/base/result.h"

namespace kith::train {

// The special tokens of every vocabulary trained here; their ids are 0, 1 and 2.
inline constexpr std::string_view kEndOfText = "<|endoftext|>";
inline constexpr std::string_view kTurnStart = "<|im_start|>";
inline constexpr std::string_view kTurnEnd = "<|im_end|>";

struct BpeVocabulary {
  // Raw bytes of each token that is not special; the id is the index + 3. The first 256 are bytes.
  std::vector<std::string> tokens;
  // Indices into `tokens` of the two halves of each merge, in order of rank.
  std::vector<std::pair<std::int32_t, std::int32_t>> merges;
};

// Collects words and learns merges from their counts. Not thread-safe.
class BpeTrainer {
 public:
  // Text must be valid UTF-8 (invalid pieces are replaced).
  void add_text(std::string_view text);
  // Learns until the vocabulary, special tokens included, has `vocab_size` entries or no pair
  // occurs twice.  REQUIRES: vocab_size >= 259.
  BpeVocabulary train(std::int64_t vocab_size) const;

 private:
  std::unordered_map<std::string, std::int64_t> counts_;
};

// Writes tokenizer.json, tokenizer_config.json (with a ChatML template) and
// special_tokens_map.json. Errors: kUnavailable.
Status save_tokenizer(const BpeVocabulary& vocabulary, std::int64_t max_length,
                      const std::filesystem::path& directory);

}  // namespace kith::train
