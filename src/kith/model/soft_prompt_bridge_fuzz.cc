// Feeds arbitrary bytes to the reader of soft-prompt bridges: the text of bridge_config.json, a
// zero byte, and bridge_model.safetensors. The corpus is testdata/fuzz_soft_prompt_bridge.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/model/soft_prompt_bridge.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace model = kith::model;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view config = input.substr(0, input.find('\0'));
  const std::string_view weights = input.substr(std::min(config.size() + 1, input.size()));
  const auto bridge = model::SoftPromptBridge::parse(config, std::as_bytes(std::span(weights)));
  if (!bridge) {
    kith::base::check_refusal(bridge.error());
    return 0;
  }
  const model::SoftPromptBridgeConfig& shape = (*bridge)->config();
  const auto count = static_cast<std::size_t>(shape.rows * shape.memory_width);
  const auto memory =
      model::MemoryMatrix::create(std::vector<float>(count, 0.5F), shape.memory_width);
  KITH_CHECK(memory.has_value(), "a memory of the bridge's shape is one");
  // Weights near the largest float make rows that are not finite, which are refused.
  const auto prompt = (*bridge)->project(**memory);
  if (!prompt) {
    kith::base::check_refusal(prompt.error());
    return 0;
  }
  KITH_CHECK((*prompt)->rows() == shape.rows && (*prompt)->width() == shape.hidden_size,
             "each row of the memory is one of the prompt");
  return 0;
}
