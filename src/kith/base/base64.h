// Base64 (RFC 4648, section 4) for binary values inside JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kith::base {

// In the standard alphabet with its padding.
std::string encode_base64(std::string_view bytes);

// The bytes of a text in the standard alphabet with its padding. No value if it is anything else:
// white space, the alphabet for URLs, missing padding, or bits that no byte uses.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace kith::base
