// A short name for bytes: tells versions of a file apart and names cache entries.
//
// FNV-1a with 64 bits: fast and the same everywhere, but whoever can choose the bytes can make two
// of them alike. Where that matters, storage/digest.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kith::base {

inline constexpr std::uint64_t kHashSeed = 0xCBF29CE484222325ULL;

// Goes on from `hash`, so that several pieces make one hash.
constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t hash = kHashSeed) {
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  }
  return hash;
}

// Sixteen hexadecimal digits.
inline std::string to_hex(std::uint64_t value) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = "0123456789abcdef"[value & 15U];
  }
  return text;
}

}  // namespace kith::base
