#include "kith/eval/equating.h"

#include <cmath>
#include <numeric>

#include "kith/base/check.h"

namespace kith::eval {
namespace {

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values, double mean) {
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

}  // namespace

Equating::Equating(std::span<const double> given, std::span<const double> wanted) {
  KITH_CHECK(given.size() == wanted.size(), "as many values of both markers");
  if (given.size() < 2) return;
  constexpr double kSame = 1e-9;
  const double given_mean = mean_of(given);
  const double wanted_mean = mean_of(wanted);
  const double given_deviation = deviation_of(given, given_mean);
  const double wanted_deviation = deviation_of(wanted, wanted_mean);
  if (given_deviation < kSame || wanted_deviation < kSame) return;
  scale_ = wanted_deviation / given_deviation;
  shift_ = wanted_mean - scale_ * given_mean;
}

}  // namespace kith::eval
