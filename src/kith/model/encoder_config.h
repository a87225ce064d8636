// The shape of an encoder, read from the config.json of a Hugging Face checkpoint.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::model {

// All sizes are validated: positive and below limits that keep products of them within 64 bits.
struct EncoderConfig {
  // As in "architectures", e.g. "BertModel".
  std::string architecture;
  int vocab_size = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_layers = 0;
  // Divides hidden_size into heads of an even size.
  int num_heads = 0;
  // Longest text.
  int max_positions = 0;
  int num_token_types = 0;
  float layer_norm_eps = 1e-12F;

  int head_dim() const { return hidden_size / num_heads; }

  friend bool operator==(const EncoderConfig&, const EncoderConfig&) = default;
};

// Reads `dir`/config.json.
// Errors: kNotFound without it; kInvalidArgument naming what is wrong: an architecture other than
//   BERT's, a missing or impossible size, an activation or a kind of positions that is not
//   supported.
Result<EncoderConfig> load_encoder_config(const std::filesystem::path& dir);

// The same from the text of config.json.
Result<EncoderConfig> parse_encoder_config(std::string_view json_text);

}  // namespace kith::model
