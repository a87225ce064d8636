// Tokenised documents on disk, ready to be mapped: what `prepare` writes and training reads. A
// machine that only trains needs no text library.
//
// Layout, little-endian: the magic "KITHTOK1", u64 documents, u64 tokens, u64 bytes of the original
// text, u64 offset of each document's first token and of the end, then u32 tokens. The highest bit
// of a token says that the loss counts it as a target. Where documents have weights, the magic is
// "KITHTOK2" and f32 weights follow, one for each document.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/result.h"

namespace kith::train {

inline constexpr std::uint32_t kCountedBit = 0x8000'0000U;

// A shard in memory, to be written.
struct ShardBuilder {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> tokens;
  // Of each document; empty while all of them weigh 1.
  std::vector<float> weights;
  std::uint64_t text_bytes = 0;

  // Ends the document whose tokens were appended last.
  //   weight: of its loss, positive
  void end_document(float weight = 1.0F) {
    if (weight != 1.0F || !weights.empty()) {
      weights.resize(offsets.size() - 1, 1.0F);
      weights.push_back(weight);
    }
    offsets.push_back(tokens.size());
  }
  // Errors: kUnavailable.
  Status save(const std::filesystem::path& path) const;
};

// Immutable; thread-safe.
class TokenShard {
 public:
  // Errors: kNotFound, kUnavailable; kInvalidArgument if the file is not a shard or its numbers do
  // not
  //   fit its size.
  static Result<TokenShard> open(const std::filesystem::path& path);

  std::size_t num_documents() const { return offsets_.size() - 1; }
  std::size_t num_tokens() const { return tokens_.size(); }
  std::uint64_t text_bytes() const { return text_bytes_; }
  // Borrowed from the mapping.
  std::span<const std::uint32_t> document(std::size_t index) const {
    return tokens_.subspan(offsets_[index], offsets_[index + 1] - offsets_[index]);
  }
  // Whether some document weighs other than 1.
  bool has_weights() const { return !weights_.empty(); }
  float weight(std::size_t index) const { return weights_.empty() ? 1.0F : weights_[index]; }

 private:
  explicit TokenShard(base::MappedFile file) : file_(std::move(file)) {}

  base::MappedFile file_;
  std::span<const std::uint64_t> offsets_;
  std::span<const std::uint32_t> tokens_;
  std::span<const float> weights_;
  std::uint64_t text_bytes_ = 0;
};

}  // namespace kith::train
