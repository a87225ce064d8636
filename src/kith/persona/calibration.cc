#include "kith/persona/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "kith/persona/golden_section.h"

namespace kith::persona {
namespace {

constexpr double kLeastTemperature = 0.05;
constexpr double kGreatestTemperature = 20.0;

constexpr double kGreatestCurvature = 3.0;
// A smaller curvature counts as none.
constexpr float kLeastCurvature = 1e-3F;
// No exponent beyond this: exp() stays finite, and what is so far below zero is impossible anyway.
constexpr float kMostExponent = 60.0F;

// Logarithm of what is brought to sum 1.
float log_mass(float logit, const ProbabilityScale& scale) {
  if (scale.curvature < kLeastCurvature) return logit / scale.temperature;
  const float power = std::exp(std::min(-scale.curvature * logit, kMostExponent));
  return (1.0F - power) / (scale.curvature * scale.temperature);
}

// Where `loss` over temperatures is least. It has one minimum over the logarithm.
float find_temperature(double tolerance, const std::function<double(float)>& loss) {
  const auto at = [&](double x) { return loss(static_cast<float>(std::exp(x))); };
  return static_cast<float>(std::exp(
      find_least(std::log(kLeastTemperature), std::log(kGreatestTemperature), tolerance, at)));
}

}  // namespace

void to_probabilities(std::span<float> logits, const ProbabilityScale& scale) {
  for (float& logit : logits) logit = log_mass(logit, scale);
  const float greatest = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (float& logit : logits) {
    logit = std::exp(logit - greatest);
    total += static_cast<double>(logit);
  }
  for (float& logit : logits) logit = static_cast<float>(static_cast<double>(logit) / total);
}

double mean_log_likelihood(std::span<const float> logits, std::span<const std::size_t> answers,
                           const ProbabilityScale& scale) {
  if (answers.empty()) return 0.0;
  const std::size_t labels = logits.size() / answers.size();
  std::vector<double> masses(labels);
  double total = 0.0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    for (std::size_t k = 0; k < labels; ++k)
      masses[k] = static_cast<double>(log_mass(logits[i * labels + k], scale));
    const double greatest = *std::max_element(masses.begin(), masses.end());
    double sum = 0.0;
    for (const double mass : masses) sum += std::exp(mass - greatest);
    total += masses[answers[i]] - greatest - std::log(sum);
  }
  return total / static_cast<double>(answers.size());
}

ProbabilityScale fit_scale(std::span<const float> logits, std::span<const std::size_t> answers) {
  if (answers.empty()) return {};
  constexpr double kTolerance = 1e-4;
  constexpr double kRoughTolerance = 0.02;
  const auto loss_with = [&](float curvature) {
    return [&, curvature](float temperature) {
      return -mean_log_likelihood(logits, answers, {temperature, curvature});
    };
  };
  const auto least_with = [&](double curvature) {
    const auto loss = loss_with(static_cast<float>(curvature));
    return loss(find_temperature(kRoughTolerance, loss));
  };
  const auto curvature =
      static_cast<float>(find_least(0.0, kGreatestCurvature, kRoughTolerance, least_with));
  const ProbabilityScale bent{find_temperature(kTolerance, loss_with(curvature)), curvature};
  const ProbabilityScale plain{find_temperature(kTolerance, loss_with(0.0F)), 0.0F};
  const bool is_better =
      mean_log_likelihood(logits, answers, bent) > mean_log_likelihood(logits, answers, plain);
  return is_better ? bent : plain;
}

double calibration_error(std::span<const float> confidences, std::span<const char> is_right) {
  constexpr std::size_t kBins = 15;
  std::array<double, kBins> differences{};
  for (std::size_t i = 0; i < confidences.size(); ++i) {
    const auto confidence = static_cast<double>(confidences[i]);
    const auto bin = std::min(kBins - 1, static_cast<std::size_t>(confidence * kBins));
    differences[bin] += confidence - (is_right[i] != 0 ? 1.0 : 0.0);
  }
  double total = 0.0;
  for (const double difference : differences) total += std::abs(difference);
  return confidences.empty() ? 0.0 : total / static_cast<double>(confidences.size());
}

double auroc(std::span<const float> in_scope, std::span<const float> out_of_scope) {
  if (in_scope.empty() || out_of_scope.empty()) return 0.5;
  std::vector<float> sorted(in_scope.begin(), in_scope.end());
  std::sort(sorted.begin(), sorted.end());
  double pairs = 0.0;
  for (const float score : out_of_scope) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), score);
    pairs += static_cast<double>(first - sorted.begin()) + 0.5 * static_cast<double>(last - first);
  }
  return pairs / (static_cast<double>(in_scope.size()) * static_cast<double>(out_of_scope.size()));
}

double macro_f1(std::span<const std::size_t> given, std::span<const std::size_t> answers,
                std::size_t labels) {
  std::vector<double> hits(labels);
  std::vector<double> named(labels);
  std::vector<double> present(labels);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    hits[answers[i]] += given[i] == answers[i] ? 1.0 : 0.0;
    named[given[i]] += 1.0;
    present[answers[i]] += 1.0;
  }
  double total = 0.0;
  double seen = 0.0;
  for (std::size_t k = 0; k < labels; ++k) {
    if (present[k] == 0.0) continue;
    total += 2.0 * hits[k] / (named[k] + present[k]);
    seen += 1.0;
  }
  return seen > 0.0 ? total / seen : 0.0;
}

float upper_quantile(std::vector<float> values, double share) {
  const auto above = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  const std::size_t place = values.size() - 1 - std::min(above, values.size() - 1);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                   values.end());
  return values[place];
}

}  // namespace kith::persona
