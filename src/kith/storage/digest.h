// One hash over several texts, to tell equal content: BLAKE2b-128 (libsodium), in hexadecimal.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace kith::storage {

// 32 hexadecimal characters. Boundaries count: {"ab", "c"} and {"a", "bc"} differ.
std::string digest(std::initializer_list<std::string_view> parts);

}  // namespace kith::storage
