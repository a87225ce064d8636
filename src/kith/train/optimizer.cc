#include "kith/train/optimizer.h"

#include <cmath>

namespace kith::train {

AdamW::AdamW(const OptimizerRecipe& recipe, const ParameterStore& parameters)
    : recipe_(recipe),
      first_(torch::zeros_like(parameters.master())),
      second_(torch::zeros_like(parameters.master())) {}

double AdamW::step(ParameterStore& parameters, double learning_rate) {
  const torch::NoGradGuard no_grad;
  torch::Tensor& gradient = parameters.gradient();
  const double norm = gradient.norm().item<double>();
  if (!std::isfinite(norm)) {
    gradient.zero_();
    return norm;
  }
  if (recipe_.clip > 0.0 && norm > recipe_.clip) gradient.mul_(recipe_.clip / norm);
  ++num_updates_;
  first_.lerp_(gradient, 1.0 - recipe_.beta1);
  second_.mul_(recipe_.beta2).addcmul_(gradient, gradient, 1.0 - recipe_.beta2);
  const auto updates = static_cast<double>(num_updates_);
  const double correction1 = 1.0 - std::pow(recipe_.beta1, updates);
  const double correction2 = 1.0 - std::pow(recipe_.beta2, updates);
  torch::Tensor& master = parameters.master();
  master.narrow(0, 0, parameters.num_decayed()).mul_(1.0 - learning_rate * recipe_.weight_decay);
  torch::Tensor& denominator = gradient;  // its memory is free now
  torch::sqrt_out(denominator, second_);
  denominator.div_(std::sqrt(correction2)).add_(recipe_.epsilon);
  master.addcdiv_(first_, denominator, -learning_rate / correction1);
  gradient.zero_();
  parameters.refresh();
  return norm;
}

}  // namespace kith::train
