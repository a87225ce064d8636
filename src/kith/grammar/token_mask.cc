#include "kith/grammar/token_mask.h"

#include <algorithm>

namespace kith::grammar {

TokenMask::TokenMask(std::vector<std::uint64_t> bits) : bits_(std::move(bits)) {
  for (const std::uint64_t word : bits_) size_ += static_cast<std::size_t>(std::popcount(word));
  // A list takes 32 bits a token, the set of all 64 bits for 64 tokens.
  if (size_ * 32 >= bits_.size() * 64) return;
  std::vector<text::TokenId> tokens;
  tokens.reserve(size_);
  for_each([&tokens](text::TokenId token) { tokens.push_back(token); });
  tokens_ = std::move(tokens);
  bits_ = {};
}

bool TokenMask::allows(text::TokenId token) const {
  if (token < 0) return false;
  if (bits_.empty()) return std::binary_search(tokens_.begin(), tokens_.end(), token);
  const auto index = static_cast<std::size_t>(token);
  return index / 64 < bits_.size() && ((bits_[index / 64] >> (index % 64)) & 1) != 0;
}

void TokenMask::add_to(std::vector<std::uint64_t>& bits) const {
  for (const text::TokenId token : tokens_) set_bit(bits, token);
  for (std::size_t word = 0; word < bits_.size(); ++word) bits[word] |= bits_[word];
}

}  // namespace kith::grammar
