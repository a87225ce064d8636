// The optimizers over a ParameterStore's flat tensors: AdamW (Loshchilov and Hutter, 2019) for
// every parameter, or Muon (Jordan et al., 2024) for the matrices inside the layers and AdamW for
// the rest.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>

#include "kith/train/parameters.h"
#include "kith/train/recipe.h"

namespace kith::train {

// Not thread-safe.
class Optimizer {
 public:
  Optimizer(const OptimizerRecipe& recipe, const ParameterStore& parameters);

  // Clips the flat gradient to recipe.clip, updates the master weights and the compute copy, and
  // clears the gradient.
  //   returns: the L2 norm of the gradient before clipping. When it is not finite nothing is
  //   updated.
  double step(ParameterStore& parameters, double learning_rate);
  // The same for one of several stores that are clipped together.
  //   norm: gradient_norm() of all of them
  void update(ParameterStore& parameters, double learning_rate, double norm);

  // Flat [num_parameters] float: running means of the gradient and of its square; Muon keeps no
  // square for its matrices.
  torch::Tensor& first_moment() { return first_; }
  torch::Tensor& second_moment() { return second_; }
  const torch::Tensor& first_moment() const { return first_; }
  const torch::Tensor& second_moment() const { return second_; }
  // Updates made so far; restore it with the moments.
  std::int64_t num_updates() const { return num_updates_; }
  void set_num_updates(std::int64_t updates) { num_updates_ = updates; }

 private:
  // Entries [begin, begin + count) of the flat tensors.
  void adamw_update(ParameterStore& parameters, std::int64_t begin, std::int64_t count,
                    double learning_rate);
  void muon_update(ParameterStore& parameters, double learning_rate);

  OptimizerRecipe recipe_;
  torch::Tensor first_;
  torch::Tensor second_;
  std::int64_t num_updates_ = 0;
};

// The L2 norm of the stores' flat gradients as one vector.
double gradient_norm(std::span<ParameterStore* const> stores);

// The nearest semi-orthogonal matrix of a [rows, columns] matrix, roughly: five Newton-Schulz steps
// of the quintic of Jordan et al. bring every singular value into about [0.7, 1.2].
torch::Tensor orthogonalized(const torch::Tensor& matrix);

}  // namespace kith::train
