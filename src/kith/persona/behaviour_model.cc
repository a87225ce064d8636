#include "kith/persona/behaviour_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "kith/persona/denied_words.h"
#include "kith/persona/fading.h"

namespace kith::persona {
namespace {

constexpr std::size_t kMaxNameBytes = 128;
// A count below this says nothing any more.
constexpr double kLeastCount = 0.05;
constexpr base::UnixMicros kHour = 3'600'000'000;

std::string_view kind_of(std::string_view name) { return name.substr(0, name.find('=')); }

void subtract_mean(std::vector<double>& values) {
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
}

}  // namespace

std::string hour_item(base::UnixMicros at) {
  const auto hours = static_cast<std::int64_t>(std::floor(static_cast<double>(at) / kHour));
  const auto days = static_cast<std::int64_t>(std::floor(static_cast<double>(hours) / 24.0));
  // 1970-01-01 was a Thursday: day 0 of this count is a Monday.
  const std::int64_t weekday = ((days + 3) % 7 + 7) % 7;
  const std::int64_t begin = (hours - days * 24) / 3 * 3;
  const auto two_digits = [](std::int64_t value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
  };
  return std::string(weekday < 5 ? "weekday " : "weekend ") + two_digits(begin) + "-" +
         two_digits(begin + 3);
}

BehaviourModel::BehaviourModel(std::span<const PersonaId> personas, const BehaviourCounts& counts,
                               const BehaviourOptions& options) {
  const std::size_t num_personas = personas.size();
  std::map<std::string, std::vector<double>> by_name;
  std::map<std::string, std::vector<double>, std::less<>> totals;
  for (std::size_t k = 0; k < num_personas; ++k) {
    const auto found = counts.find(personas[k]);
    if (found == counts.end()) continue;
    for (const auto& [name, count] : found->second) {
      auto& row = by_name.try_emplace(name, num_personas).first->second;
      row[k] += count;
      totals.try_emplace(std::string(kind_of(name)), num_personas).first->second[k] += count;
    }
  }
  for (auto& [name, row] : by_name) {
    const std::vector<double>& total = totals.find(kind_of(name))->second;
    double common = 0.0;
    for (std::size_t k = 0; k < num_personas; ++k) {
      if (total[k] > 0) common += row[k] / total[k] / static_cast<double>(num_personas);
    }
    for (std::size_t k = 0; k < num_personas; ++k) {
      row[k] =
          std::log((row[k] + options.prior_events * common) / (total[k] + options.prior_events));
    }
    subtract_mean(row);
    double largest = kMaxEventLogOdds;
    for (const double value : row) largest = std::max(largest, std::abs(value));
    for (double& value : row) value *= kMaxEventLogOdds / largest;
    log_odds_.emplace(name, std::move(row));
  }
}

const std::vector<double>* BehaviourModel::find(const std::string& name) const {
  const auto found = log_odds_.find(name);
  return found == log_odds_.end() ? nullptr : &found->second;
}

void observe(const BehaviourEvent& event, base::UnixMicros at, const BehaviourOptions& options,
             BehaviourState& state) {
  const std::string name = event.name();
  if (event.kind.empty() || event.item.empty() || name.size() > kMaxNameBytes) return;
  if (holds_denied_word(event.item)) return;
  const double faded = fade(state.at, at, options.half_life_days);
  for (auto& [known, count] : state.counts) {
    count *= kind_of(known) == event.kind ? faded * options.event_decay : faded;
  }
  state.counts[name] += 1.0;
  state.at = std::max(state.at, at);
  std::erase_if(state.counts, [](const auto& entry) { return entry.second < kLeastCount; });
  while (state.counts.size() > options.max_names) {
    state.counts.erase(
        std::min_element(state.counts.begin(), state.counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
}

}  // namespace kith::persona
