// The softmax over a vocabulary, in the pieces that sampling needs. By the calling thread alone;
// thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kith::nn {

struct LogitRange {
  float largest = 0.0F;
  // Whether none is NaN or plus infinity, and one is above minus infinity.
  bool is_valid = false;
};
LogitRange logit_range(std::span<const float> logits);

// What exp_weights() sums at a time.
inline constexpr std::size_t kWeightBlock = 4096;

// weights[i] = exp(scale (logits[i] - largest)), and 0 where that is below e^-87; relative error
// 3e-7. Returns the sums of blocks of kWeightBlock weights.
//   weights: [logits.size()], or empty if only the sums are wanted
// REQUIRES: no logit is above `largest`, which is finite; scale >= 0.
std::vector<double> exp_weights(std::span<const float> logits, float largest, float scale,
                                std::span<float> weights);

}  // namespace kith::nn
