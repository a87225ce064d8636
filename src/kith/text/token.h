// The id of one entry of a model's vocabulary.
#pragma once

#include <cstdint>

namespace kith::text {

// In [0, vocab_size) for a valid token; negative values are never produced.
using TokenId = std::int32_t;

}  // namespace kith::text
