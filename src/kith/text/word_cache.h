// Remembers the tokens of words across texts and threads, one cache line a word.
//
// Merging a word takes a look into the table of merges for each of its pairs, and between two texts
// a model has been through the processor's caches: nearly every look goes to memory. Hugging Face's
// tokenizers and tiktoken keep maps of words behind locks for the same reason; here a word is one
// look at one line, and nobody waits for anybody. That a word was met before, by whomever, shows in
// less than a microsecond of time and in nothing else.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kith/text/token.h"

namespace kith::text {

// A table of fixed size; a new word takes the place of another of the same slot. It changes no
// result, only how long one takes. Thread-safe: each slot has a version, odd while it is written,
// and who sees it change has found nothing (a sequence lock whose data are atomics too).
class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 32;
  static constexpr std::size_t kMaxTokens = 6;

  WordCache();

  // Appends the tokens of `word` if they are known. `hash` is the word's, the same at each call.
  bool find(std::string_view word, std::uint64_t hash, std::vector<TokenId>& out) const;
  // Words of more than kMaxBytes or kMaxTokens, and empty ones, are not kept.
  void insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> tokens);

 private:
  static constexpr std::size_t kNumSlots = 4096;  // 256 KiB
  static constexpr std::size_t kTextWords = kMaxBytes / 8;
  static constexpr std::size_t kTokenWords = kMaxTokens / 2;

  using Text = std::array<std::uint64_t, kTextWords>;

  struct alignas(64) Slot {
    // Version (32 bits), bytes of the word (8), tokens (8).
    std::atomic<std::uint64_t> header{0};
    std::array<std::atomic<std::uint64_t>, kTextWords> text{};
    std::array<std::atomic<std::uint64_t>, kTokenWords> tokens{};
  };

  // Padded with zeros. REQUIRES: at most kMaxBytes.
  static Text pack(std::string_view word);

  std::vector<Slot> slots_;
};

}  // namespace kith::text
