// Bridges from a user encoder into the language model, in libtorch (User-LLM, Ning et al. 2024): a
// user's memory becomes rows before the prompt (soft prompt), or is attended to in chosen layers by
// gated cross-attention (the gate of Flamingo, Alayrac et al. 2022). Same functions as
// kith/model/soft_prompt_bridge.h and memory_bridge.h; a test holds the two together.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/decoder.h"
#include "kith/train/parameters.h"
#include "kith/train/recipe.h"

namespace kith::train {

struct BridgeShape {
  BridgeRecipe recipe;
  std::int64_t hidden_size = 0;  // of the decoder
  std::int64_t num_hidden_layers = 0;
  std::int64_t memory_width = 0;
  std::int64_t memory_rows = 0;
};

// The bridge that a recipe asks for, between these two. Sizes that the recipe leaves at 0 are the
// decoder's. Errors: kInvalidArgument naming the key: a layer that the decoder does not have, heads
//   that do not divide.
Result<BridgeShape> bridge_shape(const BridgeRecipe& recipe, const ModelConfig& decoder,
                                 std::int64_t memory_width, std::int64_t memory_rows);

// Not thread-safe. Library exceptions pass through.
class UserBridge {
 public:
  // REQUIRES: a shape of bridge_shape(), of another type than kNone.
  UserBridge(BridgeShape shape, torch::Device device, torch::Dtype dtype);

  const BridgeShape& shape() const { return shape_; }
  bool is_soft_prompt() const { return shape_.recipe.type == BridgeType::kSoftPrompt; }
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }

  // Gates begin at zero, rows of a soft prompt about as large as `row_scale`.
  //   row_scale: root mean square of the decoder's embeddings
  void initialize(std::uint64_t seed, double row_scale);

  // Rows before the prompt. REQUIRES: is_soft_prompt().
  //   memory: [users, memory_rows, memory_width] float; returns: [users, memory_rows, hidden] float
  torch::Tensor rows(const torch::Tensor& memory) const;

  // What a layer adds (BetweenParts); undefined for layers that were not chosen.
  //   residual: [users * seq, hidden] float, of the users whose memories are given
  //   returns: [users * seq, hidden], compute dtype
  torch::Tensor attended(const torch::Tensor& residual, std::int64_t layer,
                         const torch::Tensor& memory) const;

 private:
  enum Matrix : std::size_t { kQuery, kKeyValue, kOutput, kMatricesPerLayer };
  enum Vector : std::size_t { kNorm, kGate, kVectorsPerLayer };

  const torch::Tensor& matrix(std::size_t place, Matrix which) const;
  const torch::Tensor& vector(std::size_t place, Vector which) const;

  BridgeShape shape_;
  torch::Dtype dtype_;
  ParameterStore parameters_;
};

// Decoder::hidden() of tokens whose sequences know their users.
//   bridge: null: the decoder alone, and no memory is read
//   memory: [users, memory_rows, memory_width] float;  ids: [users, seq] int64
//   returns: [users * seq, hidden], of the tokens alone
torch::Tensor personal_hidden(const Decoder& decoder, const UserBridge* bridge,
                              const torch::Tensor& memory, const torch::Tensor& ids);

// Writes bridge_config.json and bridge_model.safetensors (docs/formats/memory-bridge.md).
// Errors: kUnavailable.
Status save_bridge(const UserBridge& bridge, const std::string& base_model,
                   const std::filesystem::path& directory);

}  // namespace kith::train
