#include "kith/base/bootstrap.h"

#include <algorithm>
#include <numeric>

#include "kith/base/rng.h"

namespace kith::base {

Interval bootstrap(std::size_t num_units,
                   const std::function<double(const std::vector<std::size_t>& units)>& statistic,
                   std::uint64_t seed) {
  constexpr std::size_t kResamples = 1000;
  std::vector<std::size_t> units(num_units);
  std::iota(units.begin(), units.end(), std::size_t{0});
  Interval interval{.value = statistic(units)};
  Rng rng(seed);
  std::vector<double> values(kResamples);
  for (double& value : values) {
    for (std::size_t& unit : units) unit = rng.below(num_units);
    value = statistic(units);
  }
  std::sort(values.begin(), values.end());
  interval.low = values[kResamples * 25 / 1000];
  interval.high = values[kResamples * 975 / 1000 - 1];
  return interval;
}

Interval bootstrap_mean(std::span<const double> values) {
  return bootstrap(values.size(), [&](const std::vector<std::size_t>& units) {
    double sum = 0.0;
    for (const std::size_t unit : units) sum += values[unit];
    return sum / static_cast<double>(units.size());
  });
}

}  // namespace kith::base
