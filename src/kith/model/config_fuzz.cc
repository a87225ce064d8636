// Feeds arbitrary bytes to the readers of config.json, adapter_config.json and the files of
// sentence-transformers.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kith/base/check.h"
#include "kith/model/adapter_config.h"
#include "kith/model/config.h"
#include "kith/model/encoder_config.h"
#include "kith/model/sentence_config.h"

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
  const auto encoder = model::parse_encoder_config(text);
  if (encoder) {
    KITH_CHECK(encoder->head_dim() > 0 && encoder->head_dim() % 2 == 0, "heads are even");
    KITH_CHECK(encoder->num_layers > 0 && encoder->max_positions > 0, "sizes are positive");
  }
  const auto modules = model::parse_sentence_modules(text);
  if (modules) KITH_CHECK(!modules->encoder_dir.has_parent_path(), "modules stay inside");
  (void)model::parse_pooling_config(text);
  (void)model::parse_max_tokens(text);
  (void)model::parse_default_prompt(text);
  const auto adapter = model::parse_adapter_config(text);
  if (adapter) {
    KITH_CHECK(adapter->rank > 0, "ranks are positive");
    const auto rank = adapter->rank_of("model.layers.0.mlp.up_proj");
    if (rank) KITH_CHECK(*rank > 0, "ranks of modules are positive");
    (void)adapter->scale_of("model.layers.0.mlp.up_proj", adapter->rank);
  }
  return 0;
}
