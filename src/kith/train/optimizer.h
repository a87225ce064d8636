// AdamW (Loshchilov and Hutter, 2019) over a ParameterStore's flat tensors.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "kith/train/parameters.h"
#include "kith/train/recipe.h"

namespace kith::train {

// Not thread-safe.
class AdamW {
 public:
  AdamW(const OptimizerRecipe& recipe, const ParameterStore& parameters);

  // Clips the flat gradient to recipe.clip, updates the master weights and the compute copy, and
  // clears the gradient.
  //   returns: the L2 norm of the gradient before clipping. When it is not finite nothing is
  //   updated.
  double step(ParameterStore& parameters, double learning_rate);

  // Flat [num_parameters] float: running means of the gradient and of its square.
  torch::Tensor& first_moment() { return first_; }
  torch::Tensor& second_moment() { return second_; }
  const torch::Tensor& first_moment() const { return first_; }
  const torch::Tensor& second_moment() const { return second_; }
  // Updates made so far; restore it with the moments.
  std::int64_t num_updates() const { return num_updates_; }
  void set_num_updates(std::int64_t updates) { num_updates_ = updates; }

 private:
  OptimizerRecipe recipe_;
  torch::Tensor first_;
  torch::Tensor second_;
  std::int64_t num_updates_ = 0;
};

}  // namespace kith::train
