#include "kith/train/sampled_loss.h"

#include <algorithm>

namespace kith::train {

using torch::Tensor;

double gbce_exponent(const SampledLossOptions& options, std::int64_t values) {
  const double alpha =
      std::min(1.0, static_cast<double>(options.negatives) / static_cast<double>(values - 1));
  return alpha * (options.calibration * (1.0 - 1.0 / alpha) + 1.0 / alpha);
}

Tensor gbce_loss(const Tensor& states, const Tensor& table, const Tensor& targets,
                 const Tensor& negatives, double exponent, double scale) {
  const Tensor counted = targets.ge(0).nonzero().squeeze(1);
  const Tensor rows = states.index_select(0, counted).to(torch::kFloat);
  const Tensor right = targets.index_select(0, counted);
  const Tensor positive = (rows * table.index_select(0, right).to(torch::kFloat)).sum(1);
  const Tensor sampled = rows.matmul(table.index_select(0, negatives).to(torch::kFloat).t());
  const Tensor is_right = right.unsqueeze(1).eq(negatives.unsqueeze(0));
  const Tensor loss = exponent * torch::softplus(-positive).sum() +
                      torch::softplus(sampled).masked_fill(is_right, 0.0).sum();
  return scale * loss;
}

}  // namespace kith::train
