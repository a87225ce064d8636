// The printable stand-ins that byte-level vocabularies use for raw bytes.
//
// Method: GPT-2 (Radford et al. 2019). Bytes 21-7E, A1-AC and AE-FF stand for themselves as code
// points; the other 68 bytes take U+0100, U+0101, ... in the order of their value. A byte-level
// piece "Ġthe" is therefore the bytes " the".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kith::text {

// The code point that stands for `byte`.
char32_t byte_to_symbol(std::uint8_t byte);

// The byte that `symbol` stands for, or no value if it is outside the alphabet of 256.
std::optional<std::uint8_t> symbol_to_byte(char32_t symbol);

// The symbols of all bytes, as UTF-8: "\n the" -> "ĊĠthe".
std::string bytes_to_symbols(std::string_view bytes);

// The inverse; no value if some code point is outside the alphabet or `symbols` is not UTF-8.
std::optional<std::string> symbols_to_bytes(std::string_view symbols);

}  // namespace kith::text
