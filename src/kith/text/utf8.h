// UTF-8: checking, repairing, iterating, cutting.
//
// Ill-formed input follows the Unicode standard's recommended practice (section 3.9, "maximal
// subparts"): every longest prefix of a well-formed sequence that is not itself complete, and every
// byte that can start none, counts as one U+FFFD. Surrogates, overlong forms and values above
// U+10FFFF are ill-formed. All functions are pure and thread-safe; all are linear in the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kith::text {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// One step of decoding.
struct DecodedCodePoint {
  // kReplacementCharacter if `well_formed` is false.
  char32_t value = kReplacementCharacter;
  // Bytes consumed, in [1, 4].
  std::uint8_t length = 1;
  bool well_formed = false;
  // The bytes end inside a sequence that more bytes could complete.
  bool truncated = false;
};

// Decodes the code point at `position`. REQUIRES: position < text.size().
DecodedCodePoint decode_code_point(std::string_view text, std::size_t position);

// Appends the encoding of `value`; surrogates and values above U+10FFFF become U+FFFD.
void append_utf8(std::string& out, char32_t value);

bool is_valid_utf8(std::string_view text);

// The text with every ill-formed part replaced by U+FFFD; valid text is returned as it is.
std::string sanitize_utf8(std::string_view text);

// Appends sanitize_utf8(text) to `out`.
void append_sanitized(std::string& out, std::string_view text);

// Number of bytes at the end, in [0, 3], that begin a sequence which later bytes could complete.
std::size_t incomplete_suffix_length(std::string_view text);

// The longest prefix of at most `max_bytes` bytes that does not cut a code point.
std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes);

// Number of code points; an ill-formed part counts as one.
std::size_t count_code_points(std::string_view text);

// Calls visit(char32_t value, std::size_t offset, std::size_t length) for every code point in
// order.
template <typename Visitor>
void for_each_code_point(std::string_view text, Visitor&& visit) {
  for (std::size_t i = 0; i < text.size();) {
    const DecodedCodePoint step = decode_code_point(text, i);
    visit(step.value, i, static_cast<std::size_t>(step.length));
    i += step.length;
  }
}

}  // namespace kith::text
