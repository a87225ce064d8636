// Feeds arbitrary bytes to the readers of config.json and adapter_config.json.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/base/check.h"
#include "kith/model/adapter_config.h"
#include "kith/model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace model = kith::model;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = model::parse_decoder_config(text);
  if (config) {
    KITH_CHECK(config->num_parameters() > 0, "sizes are positive and do not overflow");
    KITH_CHECK(config->num_heads % config->num_kv_heads == 0, "heads divide");
    KITH_CHECK(config->head_dim % 2 == 0, "heads can be rotated");
    (void)kith::nn::rope_frequencies(config->rope, config->head_dim);
  }
  const auto adapter = model::parse_adapter_config(text);
  if (adapter) {
    KITH_CHECK(adapter->rank > 0, "ranks are positive");
    (void)adapter->scale_of("model.layers.0.mlp.up_proj", adapter->rank);
  }
  return 0;
}
