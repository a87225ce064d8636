#include "kith/nn/softmax.h"

#include <algorithm>
#include <cmath>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"

namespace kith::nn {

LogitRange logit_range(std::span<const float> logits) {
  LogitRange range;
  const bool is_valid = kernels().largest(logits.data(), logits.size(), &range.largest);
  range.is_valid = is_valid && std::isfinite(range.largest);
  return range;
}

std::vector<double> exp_weights(std::span<const float> logits, float largest, float scale,
                                std::span<float> weights) {
  KITH_CHECK(weights.empty() || weights.size() == logits.size(), "a weight for each logit");
  std::vector<double> sums;
  sums.reserve((logits.size() + kWeightBlock - 1) / kWeightBlock);
  for (std::size_t at = 0; at < logits.size(); at += kWeightBlock) {
    const std::size_t count = std::min(kWeightBlock, logits.size() - at);
    float* out = weights.empty() ? nullptr : weights.data() + at;
    sums.push_back(
        static_cast<double>(kernels().exp_weights(logits.data() + at, count, largest, scale, out)));
  }
  return sums;
}

}  // namespace kith::nn
