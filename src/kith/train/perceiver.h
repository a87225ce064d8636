// The Perceiver in libtorch: trained latents read a user's states and become the same number of
// rows however long the history, for a language model to attend to (Perceiver, Jaegle et al. 2021;
// the resampler of Flamingo, Alayrac et al. 2022; User-LLM, Ning et al. 2024), and one vector for
// everything that compares users. Same function as kith/timeline/perceiver.h; a test holds the two
// together.
//
// In each layer, for latents x and states s with ages a (0: the last event),
//   x += O softmax((Q norm(x)) (K s)^T / sqrt(head_dim) + bias[age bucket of a]) (V s)
//   x += Down (silu(Gate norm(x)) * Up norm(x))
// The bias, one number a head and bucket of ages (0, 1-2, 3-6, ...), tells old from new: the states
// themselves hardly know how long ago they were.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/parameters.h"
#include "kith/train/recipe.h"

namespace kith::train {

// Not thread-safe. Library exceptions pass through.
class Perceiver {
 public:
  // width: of the states;  window: states that are read, at most
  // REQUIRES: the heads divide the width.
  Perceiver(const PerceiverRecipe& shape, std::int64_t width, std::int64_t window,
            torch::Device device, torch::Dtype dtype);

  const PerceiverRecipe& shape() const { return shape_; }
  std::int64_t width() const { return width_; }
  std::int64_t window() const { return window_; }
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }

  // What the latents have become.
  //   states: [users, length, width], oldest first, any float type
  //   lengths: [users] int64, each in [1, length]: states behind them do not count, and of the rest
  //   the last window()
  //   returns: [users, num_latents, width] float, each row normed
  torch::Tensor latents(const torch::Tensor& states, const torch::Tensor& lengths) const;

  // One vector of length 1 for each user.
  //   latents: [users, num_latents, width]; returns: [users, width] float
  torch::Tensor vectors(const torch::Tensor& latents) const;

  // Factor of a vector's products with the embeddings of values, to make them logits; scalar.
  torch::Tensor sharpness() const;

 private:
  // Indices in parameters_: these two, the matrices of each layer, the vectors of each layer, and
  // behind them the final norm and the sharpness.
  enum Part : std::size_t { kLatents, kVector, kFirstMatrix };
  enum Matrix : std::size_t { kQuery, kKeyValue, kOutput, kGateUp, kDown, kMatricesPerLayer };
  enum Vector : std::size_t { kAttentionNorm, kMlpNorm, kAgeBias };

  static std::vector<ParameterSpec> specs_of(const PerceiverRecipe& shape, std::int64_t width,
                                             std::int64_t window);
  const torch::Tensor& matrix(std::int64_t layer, Matrix which) const;
  const torch::Tensor& vector(std::int64_t layer, Vector which) const;
  torch::Tensor age_bias(const torch::Tensor& lengths, std::int64_t length,
                         std::int64_t layer) const;
  torch::Tensor attend(const torch::Tensor& latents, const torch::Tensor& states,
                       const torch::Tensor& bias, std::int64_t layer) const;
  torch::Tensor feed_forward(const torch::Tensor& latents, std::int64_t layer) const;

  PerceiverRecipe shape_;
  std::int64_t width_;
  std::int64_t window_;
  torch::Dtype dtype_;
  ParameterStore parameters_;
};

// Buckets of ages below `window`: 0, 1-2, 3-6, 7-14, ...
std::int64_t num_age_buckets(std::int64_t window);

// Writes perceiver_config.json and perceiver.safetensors (docs/formats/user-encoder.md).
// Errors: kUnavailable.
Status save_perceiver(const Perceiver& perceiver, const std::filesystem::path& directory);

// Errors: those of the files; kInvalidArgument for missing tensors or other shapes.
Result<std::unique_ptr<Perceiver>> load_perceiver(const std::filesystem::path& directory,
                                                  torch::Device device, torch::Dtype dtype);

}  // namespace kith::train
