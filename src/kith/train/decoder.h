// The Llama decoder in libtorch: embedding, pre-norm blocks of rotary grouped-query attention and
// SwiGLU, final norm, (tied) head. The residual stream is float, everything between norms is in the
// compute dtype. Same function as kith/model/decoder.h; a test holds the two together.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "kith/train/model_config.h"
#include "kith/train/ops.h"
#include "kith/train/parameters.h"

namespace kith::train {

class LoraWeights;

// What chosen layers add to the residual stream between self-attention and the feed-forward part.
//   residual: [batch * seq, hidden] float
//   returns: the same shape in the compute dtype, or undefined where a layer adds nothing
using BetweenParts =
    std::function<torch::Tensor(const torch::Tensor& residual, std::int64_t layer)>;

// Which form of the operations to use; kPlain exists for comparison.
enum class Operations : std::uint8_t { kCustom, kPlain };

// Not thread-safe. Library exceptions pass through.
class Decoder {
 public:
  // REQUIRES: check_model_config(config).
  Decoder(const ModelConfig& config, torch::Device device, torch::Dtype dtype);

  const ModelConfig& config() const { return config_; }
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }
  torch::Device device() const { return device_; }

  // Adds low-rank updates to the projections; null removes them. The object must outlive its use.
  void set_lora(const LoraWeights* lora) { lora_ = lora; }
  void set_operations(Operations operations) { operations_ = operations; }

  // Share of what every block adds to the residual stream that is left out at random, in [0, 1); 0
  // turns it off.
  void set_dropout(double dropout) { dropout_ = dropout; }

  // ids: [batch, seq] int64; returns: [batch * seq, hidden] after the final norm, compute dtype
  torch::Tensor hidden(const torch::Tensor& ids) const;

  // The same over rows that are given in the place of embedded ids.
  //   rows: [batch * seq, hidden] float; between: may be empty
  torch::Tensor hidden_of(const torch::Tensor& rows, std::int64_t batch, std::int64_t sequence,
                          const BetweenParts& between = {}) const;
  // ids: any shape, int64; returns: [ids.numel(), hidden] float
  torch::Tensor embed(const torch::Tensor& ids) const;
  // [vocab, hidden], compute dtype: the head too, where they are tied.
  const torch::Tensor& embedding() const;
  // [vocab, hidden], compute dtype.
  const torch::Tensor& head() const { return parameters_.leaf(layout_.head); }
  // The same in float, without gradients.
  torch::Tensor head_values() const { return parameters_.master_of(layout_.head); }

  // scale * summed next-token loss. targets: [batch, seq] int64, negative where not counted;
  // weights: [batch, seq] float, of each target's loss; undefined: all 1.
  torch::Tensor loss(const torch::Tensor& ids, const torch::Tensor& targets, double scale,
                     const torch::Tensor& weights = {}) const;

  // Summed log-probability of the counted targets of each row; differentiable, logits in float.
  // targets: as for loss(), some counted in every row. returns: [batch] float
  torch::Tensor log_probabilities(const torch::Tensor& ids, const torch::Tensor& targets) const;

  // Summed next-token loss without gradients, logits in float.
  double evaluate(const torch::Tensor& ids, const torch::Tensor& targets) const;

  // returns: [batch * seq, vocab] float
  torch::Tensor logits(const torch::Tensor& ids) const;

 private:
  torch::Tensor project(const torch::Tensor& x, std::int64_t layer,
                        DecoderLayout::Matrix matrix) const;
  const torch::Tensor& norm(std::int64_t layer, std::int64_t which) const;
  RotaryTable make_rotary() const;
  torch::Tensor custom_hidden(torch::Tensor residual, const AttentionShape& shape,
                              const BetweenParts& between) const;
  torch::Tensor plain_hidden(torch::Tensor residual, const AttentionShape& shape,
                             const BetweenParts& between) const;
  torch::Tensor without_some(const torch::Tensor& delta) const;

  ModelConfig config_;
  torch::Device device_;
  torch::Dtype dtype_;
  DecoderLayout layout_;
  ParameterStore parameters_;
  RotaryTable rotary_;  // [max_position_embeddings, head_dim / 2] each
  const LoraWeights* lora_ = nullptr;
  Operations operations_ = Operations::kCustom;
  double dropout_ = 0.0;
};

}  // namespace kith::train
