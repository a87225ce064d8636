// The bytes of all tokens of a vocabulary as a trie, laid out so that a walk in order is a walk
// through memory and a branch is left in one jump.
//
// Most tokens of a vocabulary are ordinary text that may stand in any JSON string as it is. They
// are also kept apart, by their number of characters, so that inside a string only the others have
// to be looked at (the slices of llguidance, the context-independent tokens of XGrammar).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kith/text/token.h"
#include "kith/text/tokenizer.h"

namespace kith::grammar {

// Read-only once built.
class TokenTrie {
 public:
  struct Entry {
    std::uint8_t byte = 0;
    // Bytes from the root to here; the root has 0.
    std::uint8_t depth = 0;
    // One behind the last entry below this one.
    std::int32_t end = 0;
    // Tokens that end here: tokens()[first_token, first_token + num_tokens).
    std::int32_t first_token = 0;
    std::int32_t num_tokens = 0;
  };
  struct Token {
    std::string_view bytes;  // 1 to 255
    text::TokenId id = 0;
  };

  explicit TokenTrie(std::vector<Token> tokens = {});

  // Entry 0 is the root; the entries below entry i are (i, entries()[i].end), parents first.
  const std::vector<Entry>& entries() const { return entries_; }
  std::span<const text::TokenId> tokens_at(std::int32_t entry) const;
  // The entry below `entry` with `byte`, if any. Linear in the number of children.
  std::optional<std::int32_t> find_child(std::int32_t entry, std::uint8_t byte) const;

 private:
  std::vector<Entry> entries_;
  std::vector<text::TokenId> tokens_;
};

// Immutable; const members may be called from any thread.
class TokenVocabulary {
 public:
  // Tokens longer than this are never allowed under a grammar.
  static constexpr std::size_t kMaxTokenBytes = 255;
  // Text of more characters is looked at byte by byte, as the other tokens are.
  static constexpr int kMaxPlainCharacters = 64;

  // Control and special tokens are left out, and so are `end_tokens`, which end an answer.
  TokenVocabulary(const text::Tokenizer& tokenizer, std::vector<text::TokenId> end_tokens);

  const TokenTrie& all() const { return all_; }
  // Without the plain tokens.
  const TokenTrie& rest() const { return rest_; }
  // Plain tokens of at most `characters` characters (kNoLimit: all of them), as words of bits.
  const std::vector<std::uint64_t>& plain(int characters) const;

  const std::vector<text::TokenId>& end_tokens() const { return end_tokens_; }
  std::size_t num_tokens() const { return num_tokens_; }
  std::size_t num_words() const { return (num_tokens_ + 63) / 64; }
  int max_token_bytes() const { return max_token_bytes_; }
  // Empty for tokens that a grammar never allows.
  std::string_view bytes_of(text::TokenId token) const;
  // Whether some byte in [low, high] is a token by itself.
  bool has_byte(std::uint8_t low, std::uint8_t high) const;
  // Whether every printable ASCII character is a token by itself: then whatever a schema asks for
  // can be written.
  bool has_ascii() const;

 private:
  text::Tokenizer tokenizer_;
  std::vector<text::TokenId> end_tokens_;
  std::size_t num_tokens_ = 0;
  int max_token_bytes_ = 1;
  std::vector<bool> is_usable_;
  std::array<bool, 256> is_byte_ = {};
  TokenTrie all_;
  TokenTrie rest_;
  // plain_[c]: at most c characters.
  std::vector<std::vector<std::uint64_t>> plain_;
};

}  // namespace kith::grammar
