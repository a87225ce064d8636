// The shape of a decoder, read from the config.json of a Hugging Face checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/nn/rope.h"

namespace kith::model {

// All sizes are validated: positive, consistent with each other, and below limits that keep
// products of them within 64 bits.
struct DecoderConfig {
  // As in "architectures", e.g. "LlamaForCausalLM".
  std::string architecture;
  int vocab_size = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  // Divides num_heads.
  int num_kv_heads = 0;
  int head_dim = 0;
  // Longest sequence, prompt and answer together.
  int max_positions = 0;
  float rms_norm_eps = 1e-6F;
  bool tie_word_embeddings = false;
  // Weights are int8 in the file already, as `kith model quantize` writes them.
  bool is_quantized = false;
  // Biases of the query, key and value projections; of the output projection; of the three of the
  // feed-forward part.
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  // RMS norms of every query and key head, before the rotation (Qwen3).
  bool qk_norm = false;
  // Tokens that a position attends to, itself included (Mistral); 0: all before it.
  int sliding_window = 0;
  nn::RopeConfig rope;
  // Ids from config.json, or from generation_config.json where that has them; may be empty / -1.
  std::vector<std::int32_t> eos_token_ids;
  std::int32_t bos_token_id = -1;

  int q_size() const { return num_heads * head_dim; }
  int kv_size() const { return num_kv_heads * head_dim; }
  // Number of weights and biases, the tied head counted once.
  std::int64_t num_parameters() const;

  friend bool operator==(const DecoderConfig&, const DecoderConfig&) = default;
};

// Reads `dir`/config.json and, if it exists, `dir`/generation_config.json.
// Errors: kNotFound without config.json; kInvalidArgument naming what is wrong: an unknown
//   architecture (with those supported), a missing or impossible size, an unsupported feature.
Result<DecoderConfig> load_decoder_config(const std::filesystem::path& dir);

// The same from the text of config.json.
Result<DecoderConfig> parse_decoder_config(std::string_view json_text);

}  // namespace kith::model
