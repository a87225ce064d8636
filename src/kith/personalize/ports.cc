#include "kith/personalize/ports.h"

namespace kith::personalize {

Status Generator::load_adapter(const AdapterId&, const std::string&, bool) {
  return Error{ErrorCode::kUnavailable, "adapters are loaded by the own engine only"};
}

Status Generator::unload_adapter(const AdapterId&) {
  return Error{ErrorCode::kUnavailable, "adapters are loaded by the own engine only"};
}

std::size_t Generator::count_tokens(std::string_view text) const {
  std::size_t ascii = 0;
  std::size_t others = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ++ascii;
    } else if ((byte & 0xC0) != 0x80) {
      ++others;  // first byte of a longer code point
    }
  }
  return (ascii + 2) / 3 + others;
}

}  // namespace kith::personalize
