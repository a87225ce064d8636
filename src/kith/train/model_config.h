// The shape of a Llama decoder, in Hugging Face's names (see docs/formats/recipe.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "kith/base/result.h"

namespace kith::train {

// How rotary frequencies are stretched for longer contexts, as Hugging Face's rope_scaling.
struct RopeScaling {
  // "default", "linear" or "llama3".
  std::string type = "default";
  double factor = 1.0;
  // llama3 only.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int64_t original_max_position_embeddings = 8192;
};

struct ModelConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 256;
  std::int64_t num_hidden_layers = 8;
  std::int64_t num_attention_heads = 4;
  std::int64_t num_key_value_heads = 2;
  std::int64_t head_dim = 64;
  std::int64_t intermediate_size = 768;
  std::int64_t max_position_embeddings = 4096;
  double rope_theta = 10000.0;
  double rms_norm_eps = 1e-5;
  bool tie_word_embeddings = true;
  RopeScaling rope_scaling;

  std::int64_t query_width() const { return num_attention_heads * head_dim; }
  std::int64_t kv_width() const { return num_key_value_heads * head_dim; }
};

// Errors: kInvalidArgument naming the key if a size is not positive, unreasonably large, or does
// not
//   divide as attention needs it.
Status check_model_config(const ModelConfig& config);

// config.json of a LlamaForCausalLM.
//   bos, eos: token ids, or negative for none.
std::string to_config_json(const ModelConfig& config, std::int64_t bos, std::int64_t eos,
                           const std::string& dtype);

// Errors: kInvalidArgument (also for architectures other than LlamaForCausalLM and for
//   attention or MLP biases, which this trainer does not have).
Result<ModelConfig> parse_config_json(const std::string& text);
// The same from a file. Errors: also kNotFound.
Result<ModelConfig> read_config_json(const std::filesystem::path& path);

}  // namespace kith::train
