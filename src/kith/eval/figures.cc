#include "kith/eval/figures.h"

#include <algorithm>
#include <numeric>

#include "kith/base/json.h"
#include "kith/base/rng.h"

namespace kith::eval {

std::string to_json(const Report& report) {
  base::OrderedJson figures = base::OrderedJson::object();
  for (const auto& [name, figure] : report.figures) {
    figures[name] = {{"value", figure.value}, {"low", figure.low}, {"high", figure.high}};
    figures[name]["baselines"] = base::OrderedJson::object();
    for (const auto& [baseline, value] : figure.baselines) {
      figures[name]["baselines"][baseline] = value;
    }
  }
  return base::dump_json(base::OrderedJson{{"suite", report.suite}, {"figures", figures}});
}

Figure bootstrap(std::size_t num_units,
                 const std::function<double(const std::vector<std::size_t>& units)>& statistic) {
  constexpr std::size_t kResamples = 1000;
  std::vector<std::size_t> units(num_units);
  std::iota(units.begin(), units.end(), std::size_t{0});
  Figure figure{.value = statistic(units)};
  base::Rng rng(20'260'301);
  std::vector<double> values(kResamples);
  for (double& value : values) {
    for (std::size_t& unit : units) unit = rng.below(num_units);
    value = statistic(units);
  }
  std::sort(values.begin(), values.end());
  figure.low = values[kResamples * 25 / 1000];
  figure.high = values[kResamples * 975 / 1000 - 1];
  return figure;
}

}  // namespace kith::eval
