// bridge_config.json of a bridge: see docs/formats/memory-bridge.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::model {

// How the decoder gets to know of a memory.
enum class BridgeType : std::uint8_t { kGatedCrossAttention, kSoftPrompt };

// Of gated cross-attention. All sizes are validated: positive, consistent with each other, and
// below limits that keep products of them within 31 bits.
struct BridgeConfig {
  // Of the decoder that the bridge was trained for.
  int hidden_size = 0;
  int num_layers = 0;
  // Of a row of a memory.
  int memory_width = 0;
  int num_heads = 0;
  // Divides num_heads.
  int num_kv_heads = 0;
  // Even.
  int head_dim = 0;
  float rms_norm_eps = 1e-6F;
  // Of the encoder that it was trained with; empty: the file does not say.
  std::string encoder_version;
  // Layers of the decoder that attend to memories, ascending, each in [0, num_layers); at least
  // one.
  std::vector<int> layers;
  // Members of the file that Kith does not know.
  std::vector<std::string> ignored_keys;

  int q_size() const { return num_heads * head_dim; }
  int kv_size() const { return num_kv_heads * head_dim; }
};

// Of a soft prompt. All sizes are validated as those of BridgeConfig.
struct SoftPromptBridgeConfig {
  // Of the decoder that the bridge was trained for.
  int hidden_size = 0;
  // Of a row of a memory.
  int memory_width = 0;
  // Of a memory; each gives one row of the prompt.
  int rows = 0;
  int intermediate_size = 0;
  float rms_norm_eps = 1e-6F;
  std::string encoder_version;  // as in BridgeConfig
  std::vector<std::string> ignored_keys;
};

// What `bridge_type` of a bridge_config.json says. Errors: kInvalidArgument naming it.
Result<BridgeType> parse_bridge_type(std::string_view json_text);

// Errors: kInvalidArgument naming what is missing, impossible or unsupported, another type too.
Result<SoftPromptBridgeConfig> parse_soft_prompt_bridge_config(std::string_view json_text);
Result<BridgeConfig> parse_bridge_config(std::string_view json_text);

}  // namespace kith::model
