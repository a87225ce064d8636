// Intervals by resampling: how far a statistic would vary with other users or questions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kith::base {

struct Interval {
  double value = 0.0;
  // 95 %.
  double low = 0.0;
  double high = 0.0;
};

inline constexpr std::uint64_t kBootstrapSeed = 20'260'301;

// A statistic with its percentile bootstrap interval (Efron 1979) over independent units (users,
// questions), 1,000 resamples. The same seed draws the same units: two statistics on the same
// number of units are resampled alike.
//   statistic: called with indices of units, repeated ones included; not empty
// REQUIRES: num_units > 0.
Interval bootstrap(std::size_t num_units,
                   const std::function<double(const std::vector<std::size_t>& units)>& statistic,
                   std::uint64_t seed = kBootstrapSeed);

// Mean of a value of each unit. REQUIRES: not empty.
Interval bootstrap_mean(std::span<const double> values);

}  // namespace kith::base
