// Character properties, case and normal forms. The only header over utf8proc.
// Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kith::text {

enum class NormalForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

// REQUIRES: `text` is valid UTF-8 (ill-formed text is sanitized first).
std::string normalize(std::string_view text, NormalForm form);

// General categories L*, N*, P* and the property White_Space.
bool is_letter(char32_t c);
bool is_number(char32_t c);
bool is_punctuation(char32_t c);
bool is_whitespace(char32_t c);
// General category Mn.
bool is_nonspacing_mark(char32_t c);
// General categories Cc, Cf and Co: controls, formats, private use.
bool is_other(char32_t c);
// Letters, marks, numbers and connector punctuation: what regular expressions call \w.
bool is_word_character(char32_t c);
bool is_uppercase(char32_t c);

// Scripts written without spaces between words: Han, Hiragana, Katakana.
bool is_han(char32_t c);
bool is_kana(char32_t c);

// Simple lower case of one code point.
char32_t to_lower(char32_t c);
// Lower case of a text; U+0130 becomes "i" with a combining dot, as its full mapping says.
std::string to_lower(std::string_view text);

}  // namespace kith::text
