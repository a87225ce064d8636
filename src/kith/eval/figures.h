// What an evaluation prints: figures with intervals and baselines.
#pragma once

#include <functional>
#include <map>
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

// A statistic with its percentile bootstrap interval (Efron 1979) over independent units (users,
// questions), 1,000 resamples from a fixed seed.
//   statistic: called with indices of units, repeated ones included; not empty
// REQUIRES: num_units > 0.
Figure bootstrap(std::size_t num_units,
                 const std::function<double(const std::vector<std::size_t>& units)>& statistic);

}  // namespace kith::eval
