// The loss of the next value for catalogues too large for a softmax over all of them.
//
// Method: gBCE (Petrov and Macdonald, 2023): binary cross-entropy of the value that came against
// sampled ones, in which the positive part has the exponent
//   beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha),   alpha = negatives / (values - 1),
// so that scores are not overconfident for having met few negatives; t = 0 is plain binary
// cross-entropy, t = 1 is calibrated. The negatives are drawn evenly, the same for all rows.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace kith::train {

// Features with more ids than this are trained by samples: a softmax over more costs more than the
// transformer.
inline constexpr std::int64_t kFullSoftmaxIds = 50'000;

struct SampledLossOptions {
  std::int64_t negatives = 1024;
  double calibration = 0.75;  // t, in [0, 1]
};

// REQUIRES: values >= 2.
double gbce_exponent(const SampledLossOptions& options, std::int64_t values);

// scale * the sum over rows whose target is not negative; a negative that is a row's target does
// not count for it.
//   states: [rows, dim]; table: [values, dim], of the same dtype; targets: [rows] int64
//   negatives: [n] int64, in [0, values); returns: float scalar, 0 if no row counts
torch::Tensor gbce_loss(const torch::Tensor& states, const torch::Tensor& table,
                        const torch::Tensor& targets, const torch::Tensor& negatives,
                        double exponent, double scale);

}  // namespace kith::train
