// How far a classifier's probabilities can be believed: fitting, and measuring on texts that it was
// not trained on.
//
// Pure functions; logits are [rows * labels], row by row.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kith::persona {

// How logits y become probabilities: softmax(h(y) / temperature) with
//   h(y) = (1 - exp(-curvature * y)) / curvature,   h(y) = y where the curvature is below 0.001.
// Machines for one label against the rest give margins, not logarithms of odds: between 1 and 2
// lies less than between -1 and 0, which the curvature says.
struct ProbabilityScale {
  float temperature = 1.0F;  // > 0
  float curvature = 0.0F;    // >= 0, in units of 1/y
};

// Written over `logits`. REQUIRES: not empty.
void to_probabilities(std::span<float> logits, const ProbabilityScale& scale);

// The scale with the least negative log-likelihood, of temperatures in [0.05, 20] and
// curvatures in [0, 3]; the default without rows.
//   answers: [rows], each < labels
ProbabilityScale fit_scale(std::span<const float> logits, std::span<const std::size_t> answers);

// Mean log-probability of the answers, in nats; 0 without rows.
//   answers: [rows], each < labels
double mean_log_likelihood(std::span<const float> logits, std::span<const std::size_t> answers,
                           const ProbabilityScale& scale);

// Expected calibration error over 15 bins of equal width (Guo et al. 2017): the mean distance of
// confidence and accuracy, in [0, 1]; 0 without rows.
//   confidences: of the answer given;  is_right: whether it was right, 0 or 1
double calibration_error(std::span<const float> confidences, std::span<const char> is_right);

// Chance that a text out of scope scores higher than one in scope, ties counted half (the area
// under the ROC curve); 0.5 if either is empty.
double auroc(std::span<const float> in_scope, std::span<const float> out_of_scope);

// The mean over labels that occur among the answers of the harmonic mean of precision and recall.
//   given, answers: [rows], each < labels
double macro_f1(std::span<const std::size_t> given, std::span<const std::size_t> answers,
                std::size_t labels);

// The value that a share of `share` of `values` is above. REQUIRES: values not empty, share in
// [0, 1].
float upper_quantile(std::vector<float> values, double share);

}  // namespace kith::persona
