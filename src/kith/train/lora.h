// Low-rank adapters (Hu et al., 2021) on the projections of a decoder: y += alpha / rank * B (A x).
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kith/train/model_config.h"
#include "kith/train/parameters.h"

namespace kith::train {

struct LoraOptions {
  std::int64_t rank = 16;
  double alpha = 32.0;
  // Of the input of A, in training only; in [0, 1).
  double dropout = 0.0;
  // Any of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.
  std::vector<std::string> targets{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                   "gate_proj", "up_proj", "down_proj"};
};

// Errors: kInvalidArgument naming the option.
Status check_lora_options(const LoraOptions& options);

// A: normal with deviation 1 / rank; B: zero, so that a fresh adapter changes nothing.
// Not thread-safe.
class LoraWeights {
 public:
  // REQUIRES: check_lora_options(options).
  LoraWeights(const ModelConfig& config, const LoraOptions& options, torch::Device device,
              torch::Dtype dtype);

  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }
  const LoraOptions& options() const { return options_; }
  void initialize(std::uint64_t seed);
  void set_training(bool training) { training_ = training; }

  // Adds this adapter's part to y = x W^T of one fused matrix.
  //   x: [rows, in]; y: [rows, out]; returns: [rows, out]
  torch::Tensor add(const torch::Tensor& x, const torch::Tensor& y, std::int64_t layer,
                    DecoderLayout::Matrix matrix) const;

 private:
  // One projection inside a fused matrix: indices of A and B in parameters_, absent if not
  // targeted.
  struct Slot {
    std::int64_t rows = 0;
    std::optional<std::size_t> a;
  };

  // Fills layers_ on the way. REQUIRES: options_ and layers_ are initialized.
  std::vector<ParameterSpec> make_specs(const ModelConfig& config);

  LoraOptions options_;
  std::vector<std::array<std::vector<Slot>, DecoderLayout::kPerLayer>> layers_;
  ParameterStore parameters_;
  bool training_ = true;
};

}  // namespace kith::train
