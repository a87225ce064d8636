// What an evaluation prints: figures with intervals and baselines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace kith::eval {

struct Figure {
  double value = 0.0;
  // 95 % interval.
  double low = 0.0;
  double high = 0.0;
  // The same quantity by simpler means, by name.
  std::map<std::string, double> baselines;
};

struct Report {
  std::string suite;
  // In the order of the names.
  std::map<std::string, Figure> figures;
  // Lines for people: tables, samples.
  std::vector<std::string> notes;
};

// {"suite":..,"figures":{NAME:{"value":..,"low":..,"high":..,"baselines":{..}}}}, one line.
std::string to_json(const Report& report);

// The report as a Markdown table of figures, its notes below as they are.
std::string to_markdown(const Report& report);

// A statistic with its percentile bootstrap interval (Efron 1979) over independent units (users,
// questions), 1,000 resamples. The same seed draws the same units: two statistics on the same
// number of units are resampled alike.
//   statistic: called with indices of units, repeated ones included; not empty
// REQUIRES: num_units > 0.
Figure bootstrap(std::size_t num_units,
                 const std::function<double(const std::vector<std::size_t>& units)>& statistic,
                 std::uint64_t seed = 20'260'301);

// Mean difference `candidate` - `current` of two systems measured on the same units, which are
// resampled in pairs; the difference is real where the interval excludes zero.
// REQUIRES: equal sizes, not empty.
Figure paired_bootstrap(std::span<const double> candidate, std::span<const double> current);

}  // namespace kith::eval
