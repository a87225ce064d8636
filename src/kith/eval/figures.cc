#include "kith/eval/figures.h"

#include <iomanip>
#include <sstream>

#include "kith/base/bootstrap.h"
#include "kith/base/json.h"

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
  const base::Interval interval = base::bootstrap(num_units, statistic, seed);
  return Figure{interval.value, interval.low, interval.high, {}};
}

Figure paired_bootstrap(std::span<const double> candidate, std::span<const double> current) {
  return bootstrap(candidate.size(), [&](const std::vector<std::size_t>& units) {
    double sum = 0.0;
    for (const std::size_t unit : units) sum += candidate[unit] - current[unit];
    return sum / static_cast<double>(units.size());
  });
}

}  // namespace kith::eval
