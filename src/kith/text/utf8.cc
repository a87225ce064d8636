#include "kith/text/utf8.h"

#include <algorithm>
#include <cstring>

#include "kith/base/check.h"

namespace kith::text {
namespace {

struct LeadByte {
  int length;
  // Allowed range of the second byte; narrower than 80..BF where overlong forms, surrogates or
  // values above U+10FFFF would begin.
  unsigned char second_low;
  unsigned char second_high;
};

LeadByte classify_lead(unsigned char byte) {
  if (byte < 0x80) return {1, 0x80, 0xBF};
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// Length of the leading run of ASCII, eight bytes at a time.
std::size_t ascii_prefix(std::string_view text, std::size_t from) {
  std::size_t i = from;
  while (i + 8 <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
    i += 8;
  }
  while (i < text.size() && byte_at(text, i) < 0x80) ++i;
  return i - from;
}

// Offset of the first ill-formed part at or after `from`, or text.size().
std::size_t find_ill_formed(std::string_view text, std::size_t from) {
  std::size_t i = from;
  while (i < text.size()) {
    i += ascii_prefix(text, i);
    if (i >= text.size()) break;
    const DecodedCodePoint step = decode_code_point(text, i);
    if (!step.well_formed) return i;
    i += step.length;
  }
  return text.size();
}

}  // namespace

DecodedCodePoint decode_code_point(std::string_view text, std::size_t position) {
  KITH_DCHECK(position < text.size(), "position is inside the text");
  const unsigned char first = byte_at(text, position);
  if (first < 0x80) return {first, 1, true, false};
  const LeadByte lead = classify_lead(first);
  if (lead.length == 0) return {};
  char32_t value = first & (0xFFU >> (lead.length + 1));
  for (int k = 1; k < lead.length; ++k) {
    const std::size_t at = position + static_cast<std::size_t>(k);
    if (at >= text.size()) {
      return {kReplacementCharacter, static_cast<std::uint8_t>(k), false, true};
    }
    const unsigned char next = byte_at(text, at);
    const unsigned char low = k == 1 ? lead.second_low : 0x80;
    const unsigned char high = k == 1 ? lead.second_high : 0xBF;
    if (next < low || next > high) {
      return {kReplacementCharacter, static_cast<std::uint8_t>(k), false, false};
    }
    value = (value << 6) | (next & 0x3FU);
  }
  return {value, static_cast<std::uint8_t>(lead.length), true, false};
}

void append_utf8(std::string& out, char32_t value) {
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) value = kReplacementCharacter;
  const auto push = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (value < 0x80) {
    push(value);
  } else if (value < 0x800) {
    push(0xC0U | (value >> 6));
    push(0x80U | (value & 0x3FU));
  } else if (value < 0x10000) {
    push(0xE0U | (value >> 12));
    push(0x80U | ((value >> 6) & 0x3FU));
    push(0x80U | (value & 0x3FU));
  } else {
    push(0xF0U | (value >> 18));
    push(0x80U | ((value >> 12) & 0x3FU));
    push(0x80U | ((value >> 6) & 0x3FU));
    push(0x80U | (value & 0x3FU));
  }
}

bool is_valid_utf8(std::string_view text) { return find_ill_formed(text, 0) == text.size(); }

void append_sanitized(std::string& out, std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t bad = find_ill_formed(text, i);
    out.append(text.substr(i, bad - i));
    if (bad == text.size()) return;
    append_utf8(out, kReplacementCharacter);
    i = bad + decode_code_point(text, bad).length;
  }
}

std::string sanitize_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_sanitized(out, text);
  return out;
}

std::size_t incomplete_suffix_length(std::string_view text) {
  // A sequence holds at most four bytes, so an unfinished one starts among the last three.
  const std::size_t reach = std::min<std::size_t>(3, text.size());
  for (std::size_t back = 1; back <= reach; ++back) {
    const unsigned char byte = byte_at(text, text.size() - back);
    if ((byte & 0xC0U) == 0x80U) continue;
    const DecodedCodePoint step = decode_code_point(text, text.size() - back);
    return step.truncated && step.length == back ? back : 0;
  }
  return 0;
}

std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  // Stepping back over at most three continuation bytes finds the start of the cut code point.
  for (int k = 0; k < 3 && end > 0 && (byte_at(text, end) & 0xC0U) == 0x80U; ++k) --end;
  const bool inside = end < max_bytes && end + decode_code_point(text, end).length <= max_bytes;
  return text.substr(0, inside ? max_bytes : end);
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for_each_code_point(text, [&count](char32_t, std::size_t, std::size_t) { ++count; });
  return count;
}

}  // namespace kith::text
