// Which requests may share KV blocks: those whose keys and values are the same bits for the same
// tokens, and who may know of each other.
#pragma once

#include <string>

#include "kith/engine/engine.h"

namespace kith::engine {

// The request's space in the prefix cache: its own `cache_space` with the version and weight of
// each adapter, the rows of its soft prompt, the version of its bridge and the values of its
// memory. Two requests have the same space only if all of these are equal. What clients choose
// stands in it whole and not hashed, so nobody can make a space that is another's.
std::string cache_space_of(const GenerateRequest& request);

}  // namespace kith::engine
