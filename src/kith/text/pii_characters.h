// Bytes as the recognisers of personal data see them. Internal to text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kith::text {

constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_ascii_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_ascii_letter(char c) { return is_ascii_upper(c) || is_ascii_lower(c); }
constexpr bool is_ascii_alnum(char c) { return is_ascii_letter(c) || is_ascii_digit(c); }
constexpr bool is_hex_digit(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr char to_ascii_lower(char c) {
  return is_ascii_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// The byte at `position`, '\0' beyond the end.
constexpr char byte_at(std::string_view text, std::size_t position) {
  return position < text.size() ? text[position] : '\0';
}

inline std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_ascii_lower(c);
  return lower;
}

// Whether `word`, which is in lower case, stands at `position`, in any case.
constexpr bool has_word_at(std::string_view text, std::size_t position, std::string_view word) {
  if (position > text.size() || text.size() - position < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (to_ascii_lower(text[position + i]) != word[i]) return false;
  }
  return true;
}

}  // namespace kith::text
