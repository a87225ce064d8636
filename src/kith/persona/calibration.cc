#include "kith/persona/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kith/persona/golden_section.h"

namespace kith::persona {
namespace {

constexpr double kLeastTemperature = 0.05;
constexpr double kGreatestTemperature = 20.0;

double total_log_likelihood(std::span<const float> logits, std::span<const std::size_t> answers,
                            double temperature) {
  const std::size_t labels = logits.size() / answers.size();
  double total = 0.0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto row = logits.subspan(i * labels, labels);
    const auto greatest = static_cast<double>(*std::max_element(row.begin(), row.end()));
    double sum = 0.0;
    for (const float logit : row) {
      sum += std::exp((static_cast<double>(logit) - greatest) / temperature);
    }
    total += (static_cast<double>(row[answers[i]]) - greatest) / temperature - std::log(sum);
  }
  return total;
}

}  // namespace

void to_probabilities(std::span<float> logits, float temperature) {
  const float greatest = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (float& logit : logits) {
    logit = std::exp((logit - greatest) / temperature);
    total += static_cast<double>(logit);
  }
  for (float& logit : logits) logit = static_cast<float>(static_cast<double>(logit) / total);
}

// The likelihood has one maximum over the logarithm of the temperature.
float fit_temperature(std::span<const float> logits, std::span<const std::size_t> answers) {
  if (answers.empty()) return 1.0F;
  const auto loss = [&](double x) { return -total_log_likelihood(logits, answers, std::exp(x)); };
  constexpr double kTolerance = 1e-4;
  return static_cast<float>(std::exp(
      find_least(std::log(kLeastTemperature), std::log(kGreatestTemperature), kTolerance, loss)));
}

double mean_log_likelihood(std::span<const float> logits, std::span<const std::size_t> answers,
                           float temperature) {
  if (answers.empty()) return 0.0;
  return total_log_likelihood(logits, answers, static_cast<double>(temperature)) /
         static_cast<double>(answers.size());
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
