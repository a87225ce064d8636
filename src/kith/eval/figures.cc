#include "kith/eval/figures.h"

#include <algorithm>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <utility>

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

std::string to_markdown(const Report& report) {
  std::ostringstream text;
  text << std::setprecision(4) << "## " << report.suite
       << "\n\n| figure | value | 95 % interval | baselines |\n|---|---|---|---|\n";
  for (const auto& [name, figure] : report.figures) {
    text << "| " << name << " | " << figure.value << " | [" << figure.low << ", " << figure.high
         << "] | " << (figure.baselines.empty() ? "-" : "");
    const char* separator = "";
    for (const auto& [baseline, value] : figure.baselines) {
      text << std::exchange(separator, ", ") << baseline << " " << value;
    }
    text << " |\n";
  }
  if (report.notes.empty()) return text.str();
  text << "\n```\n";
  for (const auto& note : report.notes) text << note << "\n";
  text << "```\n";
  return text.str();
}

Figure bootstrap(std::size_t num_units,
                 const std::function<double(const std::vector<std::size_t>& units)>& statistic,
                 std::uint64_t seed) {
  constexpr std::size_t kResamples = 1000;
  std::vector<std::size_t> units(num_units);
  std::iota(units.begin(), units.end(), std::size_t{0});
  Figure figure{.value = statistic(units)};
  base::Rng rng(seed);
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

Figure paired_bootstrap(std::span<const double> candidate, std::span<const double> current) {
  return bootstrap(candidate.size(), [&](const std::vector<std::size_t>& units) {
    double sum = 0.0;
    for (const std::size_t unit : units) sum += candidate[unit] - current[unit];
    return sum / static_cast<double>(units.size());
  });
}

}  // namespace kith::eval
