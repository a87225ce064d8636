#include "kith/eval/agreement.h"

#include <cstddef>

namespace kith::eval {

double quadratic_weighted_kappa(std::span<const int> one, std::span<const int> other) {
  const auto count = static_cast<double>(one.size());
  double observed = 0.0;
  double sum_one = 0.0;
  double sum_other = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double a = one[i];
    const double b = other[i];
    observed += (a - b) * (a - b);
    sum_one += a;
    sum_other += b;
    squares += a * a + b * b;
  }
  // The mean of (a - b)^2 over all n^2 pairs is E[a^2] + E[b^2] - 2 E[a] E[b].
  const double expected = squares - 2.0 * sum_one * sum_other / count;
  return expected > 0.0 ? 1.0 - observed / expected : 0.0;
}

}  // namespace kith::eval
