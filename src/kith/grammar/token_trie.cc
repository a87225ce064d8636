#include "kith/grammar/token_trie.h"

#include <algorithm>
#include <utility>

#include "kith/grammar/automaton.h"
#include "kith/grammar/token_mask.h"
#include "kith/text/utf8.h"

namespace kith::grammar {
namespace {

// Characters of a token that may stand in a JSON string as it is; 0 for other tokens.
int count_plain_characters(std::string_view bytes) {
  const bool needs_care = std::any_of(bytes.begin(), bytes.end(), [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  });
  if (needs_care || !text::is_valid_utf8(bytes)) return 0;
  return static_cast<int>(text::count_code_points(bytes));
}

}  // namespace

TokenTrie::TokenTrie(std::vector<Token> tokens) {
  std::sort(tokens.begin(), tokens.end(), [](const Token& a, const Token& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.id < b.id;
  });
  entries_.push_back({});
  // The entries from the root to the last token.
  std::vector<std::int32_t> path{0};
  std::string_view previous;
  const auto close = [&](std::size_t depth) {
    while (path.size() > depth + 1) {
      entries_[static_cast<std::size_t>(path.back())].end =
          static_cast<std::int32_t>(entries_.size());
      path.pop_back();
    }
  };
  for (const Token& token : tokens) {
    const auto shared = static_cast<std::size_t>(
        std::mismatch(previous.begin(), previous.end(), token.bytes.begin(), token.bytes.end())
            .first -
        previous.begin());
    close(shared);
    for (std::size_t i = shared; i < token.bytes.size(); ++i) {
      path.push_back(static_cast<std::int32_t>(entries_.size()));
      entries_.push_back({.byte = static_cast<std::uint8_t>(token.bytes[i]),
                          .depth = static_cast<std::uint8_t>(i + 1)});
    }
    Entry& entry = entries_[static_cast<std::size_t>(path.back())];
    if (entry.num_tokens++ == 0) entry.first_token = static_cast<std::int32_t>(tokens_.size());
    tokens_.push_back(token.id);
    previous = token.bytes;
  }
  close(0);
  entries_[0].end = static_cast<std::int32_t>(entries_.size());
}

std::span<const text::TokenId> TokenTrie::tokens_at(std::int32_t entry) const {
  const Entry& at = entries_[static_cast<std::size_t>(entry)];
  return std::span(tokens_).subspan(static_cast<std::size_t>(at.first_token),
                                    static_cast<std::size_t>(at.num_tokens));
}

std::optional<std::int32_t> TokenTrie::find_child(std::int32_t entry, std::uint8_t byte) const {
  const std::int32_t end = entries_[static_cast<std::size_t>(entry)].end;
  for (std::int32_t i = entry + 1; i < end; i = entries_[static_cast<std::size_t>(i)].end) {
    if (entries_[static_cast<std::size_t>(i)].byte == byte) return i;
  }
  return std::nullopt;
}

TokenVocabulary::TokenVocabulary(const text::Tokenizer& tokenizer,
                                 std::vector<text::TokenId> end_tokens)
    : tokenizer_(tokenizer),
      end_tokens_(std::move(end_tokens)),
      num_tokens_(tokenizer.vocab_size()) {
  std::erase_if(end_tokens_, [this](text::TokenId id) {
    return id < 0 || static_cast<std::size_t>(id) >= num_tokens_;
  });
  is_usable_.assign(num_tokens_, false);
  std::vector<TokenTrie::Token> all;
  std::vector<TokenTrie::Token> rest;
  std::vector<std::pair<int, text::TokenId>> plain;
  for (std::size_t i = 0; i < num_tokens_; ++i) {
    const auto id = static_cast<text::TokenId>(i);
    const std::string_view bytes = tokenizer_.id_to_bytes(id);
    const bool ends = std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end();
    if (ends || bytes.empty() || bytes.size() > kMaxTokenBytes || tokenizer_.is_special(id) ||
        tokenizer_.is_control(id)) {
      continue;
    }
    is_usable_[i] = true;
    if (bytes.size() == 1) is_byte_[static_cast<std::uint8_t>(bytes[0])] = true;
    max_token_bytes_ = std::max(max_token_bytes_, static_cast<int>(bytes.size()));
    all.push_back({bytes, id});
    const int characters = count_plain_characters(bytes);
    if (characters == 0 || characters > kMaxPlainCharacters) {
      rest.push_back({bytes, id});
    } else {
      plain.emplace_back(characters, id);
    }
  }
  all_ = TokenTrie(std::move(all));
  rest_ = TokenTrie(std::move(rest));

  int longest = 0;
  for (const auto& [characters, id] : plain) longest = std::max(longest, characters);
  plain_.assign(static_cast<std::size_t>(longest) + 1, std::vector<std::uint64_t>(num_words()));
  for (const auto& [characters, id] : plain) {
    set_bit(plain_[static_cast<std::size_t>(characters)], id);
  }
  for (std::size_t c = 1; c < plain_.size(); ++c) {
    for (std::size_t w = 0; w < num_words(); ++w) plain_[c][w] |= plain_[c - 1][w];
  }
}

const std::vector<std::uint64_t>& TokenVocabulary::plain(int characters) const {
  if (characters == kNoLimit) return plain_.back();
  return plain_[std::min(static_cast<std::size_t>(characters), plain_.size() - 1)];
}

std::string_view TokenVocabulary::bytes_of(text::TokenId token) const {
  if (token < 0 || static_cast<std::size_t>(token) >= num_tokens_) return {};
  if (!is_usable_[static_cast<std::size_t>(token)]) return {};
  return tokenizer_.id_to_bytes(token);
}

bool TokenVocabulary::has_byte(std::uint8_t low, std::uint8_t high) const {
  return std::any_of(is_byte_.begin() + low, is_byte_.begin() + high + 1,
                     [](bool is_token) { return is_token; });
}

bool TokenVocabulary::has_ascii() const {
  return std::all_of(is_byte_.begin() + 0x20, is_byte_.begin() + 0x7F,
                     [](bool is_token) { return is_token; });
}

}  // namespace kith::grammar
