#include "kith/engine/cache_space.h"

#include <bit>
#include <cstdint>
#include <string_view>

namespace kith::engine {
namespace {

// With its size, so that no bytes within a part can pass for the parts that follow it.
void append_part(std::string& space, char kind, std::string_view bytes) {
  space += kind;
  space += std::to_string(bytes.size());
  space += ':';
  space += bytes;
}

}  // namespace

std::string cache_space_of(const GenerateRequest& request) {
  std::string space;
  append_part(space, 't', request.cache_space);
  // The versions hash the bytes of an adapter, so one replaced under its name never meets old keys.
  for (const WeightedAdapter& weighted : request.adapters) {
    append_part(space, 'a', weighted.adapter->version());
    append_part(space, 'w', std::to_string(std::bit_cast<std::uint32_t>(weighted.weight)));
  }
  if (request.soft_prompt) append_part(space, 's', request.soft_prompt->key());
  if (const auto& memory = request.memory) {
    append_part(space, 'b', memory->bridge->version());
    append_part(space, 'm', memory->matrix->key());
  }
  return space;
}

}  // namespace kith::engine
