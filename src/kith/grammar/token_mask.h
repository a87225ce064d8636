// A set of tokens: those that may come next. Small sets are kept as a list, large ones as bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kith/text/token.h"

namespace kith::grammar {

// Immutable once made; const members may be called from any thread.
class TokenMask {
 public:
  TokenMask() = default;
  // `bits`: bit i of word w is token 64 w + i.
  explicit TokenMask(std::vector<std::uint64_t> bits);

  bool allows(text::TokenId token) const;
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Adds the tokens to `bits`, which is large enough.
  void add_to(std::vector<std::uint64_t>& bits) const;
  std::size_t bytes() const {
    return tokens_.size() * sizeof(text::TokenId) + bits_.size() * sizeof(std::uint64_t);
  }

  // Calls visit(first, count) for runs of tokens that follow each other, in order.
  template <typename Visit>
  void for_each_run(Visit&& visit) const {
    for (const text::TokenId token : tokens_) visit(token, std::size_t{1});
    for (std::size_t word = 0; word < bits_.size(); ++word) {
      for (std::uint64_t left = bits_[word]; left != 0;) {
        const auto first = static_cast<std::size_t>(std::countr_zero(left));
        const auto count = static_cast<std::size_t>(std::countr_one(left >> first));
        visit(static_cast<text::TokenId>(word * 64 + first), count);
        left = first + count == 64 ? 0 : left & (~std::uint64_t{0} << (first + count));
      }
    }
  }
  // Calls visit(token) for each, in order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for_each_run([&visit](text::TokenId first, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) visit(first + static_cast<text::TokenId>(i));
    });
  }

 private:
  std::size_t size_ = 0;
  std::vector<text::TokenId> tokens_;
  std::vector<std::uint64_t> bits_;
};

inline void set_bit(std::vector<std::uint64_t>& bits, text::TokenId token) {
  const auto index = static_cast<std::size_t>(token);
  bits[index / 64] |= std::uint64_t{1} << (index % 64);
}

}  // namespace kith::grammar
