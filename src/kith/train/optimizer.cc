#include "kith/train/optimizer.h"

#include <algorithm>
#include <cmath>

namespace kith::train {
namespace {

// The lookahead of Nesterov's momentum and the scale that gives an orthogonal update the root mean
// square of an AdamW update, so that one learning rate serves both (Liu et al., 2025).
torch::Tensor muon_direction(const torch::Tensor& gradient, const torch::Tensor& momentum,
                             double beta) {
  const torch::Tensor ahead = gradient.lerp(momentum, beta);
  const auto longest = static_cast<double>(std::max(ahead.size(0), ahead.size(1)));
  return orthogonalized(ahead).mul_(0.2 * std::sqrt(longest));
}

bool is_hidden_matrix(const ParameterSpec& spec) {
  return spec.is_matrix() && !spec.is_embedding && spec.parts.front().name != "lm_head.weight";
}

}  // namespace

torch::Tensor orthogonalized(const torch::Tensor& matrix) {
  constexpr double a = 3.4445;
  constexpr double b = -4.7750;
  constexpr double c = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  // The steps amplify no rounding: bfloat16 is precise enough, and several times faster.
  torch::Tensor x = ((tall ? matrix.t() : matrix) / (matrix.norm() + 1e-7)).to(torch::kBFloat16);
  for (int i = 0; i < 5; ++i) {
    const torch::Tensor square = at::mm(x, x.t());
    const torch::Tensor mixed = at::addmm(square, square, square, b, c);
    x = at::addmm(x, mixed, x, a);
  }
  return (tall ? x.t() : x).to(torch::kFloat);
}

Optimizer::Optimizer(const OptimizerRecipe& recipe, const ParameterStore& parameters)
    : recipe_(recipe),
      first_(torch::zeros_like(parameters.master())),
      second_(torch::zeros_like(parameters.master())) {}

double gradient_norm(std::span<ParameterStore* const> stores) {
  const torch::NoGradGuard no_grad;
  double norm = 0.0;
  for (ParameterStore* const store : stores) {
    norm = std::hypot(norm, store->gradient().norm().item<double>());
  }
  return norm;
}

double Optimizer::step(ParameterStore& parameters, double learning_rate) {
  ParameterStore* const own = &parameters;
  const double norm = gradient_norm({&own, 1});
  update(parameters, learning_rate, norm);
  return norm;
}

void Optimizer::update(ParameterStore& parameters, double learning_rate, double norm) {
  const torch::NoGradGuard no_grad;
  torch::Tensor& gradient = parameters.gradient();
  if (!std::isfinite(norm)) {
    gradient.zero_();
    return;
  }
  if (recipe_.clip > 0.0 && norm > recipe_.clip) gradient.mul_(recipe_.clip / norm);
  ++num_updates_;
  parameters.master()
      .narrow(0, 0, parameters.num_decayed())
      .mul_(1.0 - learning_rate * recipe_.weight_decay);
  if (recipe_.kind == OptimizerKind::kAdamW) {
    adamw_update(parameters, 0, parameters.num_parameters(), learning_rate);
  } else {
    muon_update(parameters, learning_rate);
  }
  gradient.zero_();
  parameters.refresh();
}

void Optimizer::adamw_update(ParameterStore& parameters, std::int64_t begin, std::int64_t count,
                             double learning_rate) {
  const auto part = [&](torch::Tensor& flat) { return flat.narrow(0, begin, count); };
  torch::Tensor gradient = part(parameters.gradient());
  const auto updates = static_cast<double>(num_updates_);
  const double correction1 = 1.0 - std::pow(recipe_.beta1, updates);
  const double correction2 = 1.0 - std::pow(recipe_.beta2, updates);
  const torch::Tensor first = part(first_).lerp_(gradient, 1.0 - recipe_.beta1);
  const torch::Tensor second =
      part(second_).mul_(recipe_.beta2).addcmul_(gradient, gradient, 1.0 - recipe_.beta2);
  torch::Tensor& denominator = gradient;  // its memory is free now
  torch::sqrt_out(denominator, second);
  denominator.div_(std::sqrt(correction2)).add_(recipe_.epsilon);
  part(parameters.master()).addcdiv_(first, denominator, -learning_rate / correction1);
}

void Optimizer::muon_update(ParameterStore& parameters, double learning_rate) {
  std::int64_t offset = 0;
  for (const ParameterSpec& spec : parameters.specs()) {
    if (!is_hidden_matrix(spec)) {
      adamw_update(parameters, offset, spec.size(), learning_rate);
      offset += spec.size();
      continue;
    }
    // Query, key and value are matrices of their own, though they are stored as one.
    for (const ParameterPart& part : spec.parts) {
      const std::int64_t size = part.rows * spec.shape[1];
      const auto matrix = [&](const torch::Tensor& flat) {
        return flat.narrow(0, offset, size).view({part.rows, spec.shape[1]});
      };
      const torch::Tensor gradient = matrix(parameters.gradient());
      const torch::Tensor momentum = matrix(first_).lerp_(gradient, 1.0 - recipe_.momentum);
      matrix(parameters.master())
          .sub_(muon_direction(gradient, momentum, recipe_.momentum), learning_rate);
      offset += size;
    }
  }
}

}  // namespace kith::train
