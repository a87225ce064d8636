// How far a classifier's probabilities can be believed: fitting, and measuring on texts that it was
// not trained on.
//
// Pure functions; logits are [rows * labels], row by row.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kith::persona {

// softmax(logits / temperature), written over `logits`. REQUIRES: not empty, temperature > 0.
void to_probabilities(std::span<float> logits, float temperature);

// The temperature in [0.05, 20] with the least negative log-likelihood (Guo et al. 2017); 1 without
// rows.
//   answers: [rows], each < labels
float fit_temperature(std::span<const float> logits, std::span<const std::size_t> answers);

// Mean log-probability of the answers, in nats; 0 without rows. REQUIRES: temperature > 0.
//   answers: [rows], each < labels
double mean_log_likelihood(std::span<const float> logits, std::span<const std::size_t> answers,
                           float temperature);

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
