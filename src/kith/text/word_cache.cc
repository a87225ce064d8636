#include "kith/text/word_cache.h"

#include <cstring>

namespace kith::text {
namespace {

constexpr int kBytesShift = 32;
constexpr int kTokensShift = 40;

constexpr std::uint64_t version_of(std::uint64_t header) { return header & 0xFFFFFFFFU; }

constexpr bool is_being_written(std::uint64_t header) { return (header & 1U) != 0; }

constexpr std::uint64_t make_header(std::uint64_t version, std::size_t bytes, std::size_t tokens) {
  return (version & 0xFFFFFFFFU) | (std::uint64_t{bytes} << kBytesShift) |
         (std::uint64_t{tokens} << kTokensShift);
}

constexpr std::uint64_t join(TokenId low, TokenId high) {
  return static_cast<std::uint32_t>(low) | (std::uint64_t{static_cast<std::uint32_t>(high)} << 32);
}

}  // namespace

WordCache::WordCache() : slots_(kNumSlots) {}

WordCache::Text WordCache::pack(std::string_view word) {
  Text text{};
  std::memcpy(text.data(), word.data(), word.size());
  return text;
}

// The loads acquire and the stores release so that the second look at the header comes after the
// data and the first store to it before them; on x86 that costs nothing.
bool WordCache::find(std::string_view word, std::uint64_t hash, std::vector<TokenId>& out) const {
  if (word.empty() || word.size() > kMaxBytes) return false;
  const Slot& slot = slots_[hash % kNumSlots];
  const std::uint64_t header = slot.header.load(std::memory_order_acquire);
  const auto bytes = static_cast<std::size_t>((header >> kBytesShift) & 0xFF);
  if (is_being_written(header) || bytes != word.size()) return false;
  const Text wanted = pack(word);
  for (std::size_t i = 0; i < kTextWords; ++i) {
    if (slot.text[i].load(std::memory_order_acquire) != wanted[i]) return false;
  }
  std::array<std::uint64_t, kTokenWords> pairs{};
  for (std::size_t i = 0; i < kTokenWords; ++i) {
    pairs[i] = slot.tokens[i].load(std::memory_order_acquire);
  }
  if (slot.header.load(std::memory_order_relaxed) != header) return false;
  const auto num_tokens = static_cast<std::size_t>((header >> kTokensShift) & 0xFF);
  for (std::size_t i = 0; i < num_tokens; ++i) {
    out.push_back(static_cast<TokenId>(static_cast<std::uint32_t>(pairs[i / 2] >> (32 * (i % 2)))));
  }
  return true;
}

void WordCache::insert(std::string_view word, std::uint64_t hash, std::span<const TokenId> tokens) {
  if (word.empty() || word.size() > kMaxBytes || tokens.size() > kMaxTokens) return;
  Slot& slot = slots_[hash % kNumSlots];
  std::uint64_t header = slot.header.load(std::memory_order_relaxed);
  const std::uint64_t version = version_of(header);
  // Another thread that is at it may go on; its word is as good.
  if (is_being_written(header)) return;
  if (!slot.header.compare_exchange_strong(header, make_header(version + 1, 0, 0),
                                           std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return;
  }
  const Text text = pack(word);
  for (std::size_t i = 0; i < kTextWords; ++i) {
    slot.text[i].store(text[i], std::memory_order_release);
  }
  const auto token = [&](std::size_t i) { return i < tokens.size() ? tokens[i] : TokenId{0}; };
  for (std::size_t i = 0; i < kTokenWords; ++i) {
    slot.tokens[i].store(join(token(2 * i), token(2 * i + 1)), std::memory_order_release);
  }
  slot.header.store(make_header(version + 2, word.size(), tokens.size()),
                    std::memory_order_release);
}

}  // namespace kith::text
