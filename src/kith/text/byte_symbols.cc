#include "kith/text/byte_symbols.h"

#include "kith/text/utf8.h"

namespace kith::text {
namespace {

constexpr std::size_t kSymbolLimit = 0x100 + 68;

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> make_symbols() {
  std::array<char32_t, 256> symbols{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    symbols[byte] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return symbols;
}

constexpr std::array<char32_t, 256> kSymbols = make_symbols();

// -1 where no byte has the symbol.
constexpr std::array<std::int16_t, kSymbolLimit> make_bytes() {
  std::array<std::int16_t, kSymbolLimit> bytes{};
  for (auto& byte : bytes) byte = -1;
  for (unsigned byte = 0; byte < 256; ++byte) {
    bytes[kSymbols[byte]] = static_cast<std::int16_t>(byte);
  }
  return bytes;
}

constexpr std::array<std::int16_t, kSymbolLimit> kBytes = make_bytes();

}  // namespace

char32_t byte_to_symbol(std::uint8_t byte) { return kSymbols[byte]; }

std::optional<std::uint8_t> symbol_to_byte(char32_t symbol) {
  if (symbol >= kSymbolLimit || kBytes[symbol] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(kBytes[symbol]);
}

std::string bytes_to_symbols(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(out, kSymbols[static_cast<unsigned char>(byte)]);
  return out;
}

std::optional<std::string> symbols_to_bytes(std::string_view symbols) {
  std::string out;
  out.reserve(symbols.size());
  for (std::size_t i = 0; i < symbols.size();) {
    const DecodedCodePoint step = decode_code_point(symbols, i);
    const auto byte = step.well_formed ? symbol_to_byte(step.value) : std::nullopt;
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
    i += step.length;
  }
  return out;
}

}  // namespace kith::text
