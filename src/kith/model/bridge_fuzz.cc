// Feeds arbitrary bytes to the reader of memory bridges: the text of bridge_config.json, a zero
// byte, and bridge_model.safetensors.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/model/memory_bridge.h"
#include "kith/model/projected_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace model = kith::model;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view config = input.substr(0, input.find('\0'));
  const std::string_view weights = input.substr(std::min(config.size() + 1, input.size()));
  model::DecoderConfig decoder;
  decoder.hidden_size = 4;
  decoder.num_layers = 2;
  const auto bridge =
      model::MemoryBridge::parse(config, std::as_bytes(std::span(weights)), decoder, {});
  if (!bridge) return 0;
  const int width = (*bridge)->config().memory_width;
  const auto memory =
      model::MemoryMatrix::create(std::vector<float>(static_cast<std::size_t>(width), 0.5F), width);
  const auto projected = (*bridge)->project(**memory);
  KITH_CHECK(projected.has_value(), "a bridge that was read can be used");
  return 0;
}
