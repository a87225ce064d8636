#include "kith/eval/simulated_change.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kith/base/rng.h"

namespace kith::eval {
namespace {

using persona::Assigner;
using persona::TraceStep;
using persona::UserTrace;
using Indices = std::vector<std::size_t>;

constexpr base::UnixMicros kDay = 86'400'000'000;
constexpr base::UnixMicros kPause = 90 * kDay;
constexpr base::UnixMicros kBetweenMessages = 3 * kDay;

// What users of the persona but this one wrote, in an order drawn by `seed`.
std::vector<TraceStep> steps_of_others(std::span<const UserTrace> users, const PersonaId& persona,
                                       const UserId& except, std::uint64_t seed) {
  std::vector<TraceStep> steps;
  for (const UserTrace& user : users) {
    if (user.persona != persona || user.user == except) continue;
    steps.insert(steps.end(), user.steps.begin(), user.steps.end());
  }
  base::Rng rng(seed);
  for (std::size_t i = steps.size(); i > 1; --i) std::swap(steps[i - 1], steps[rng.below(i)]);
  return steps;
}

// Lives one user's messages through, as a server would.
class Life {
 public:
  Life(const Assigner& assigner, const UserTrace& user) : assigner_(assigner) {
    facts_.attributes = user.attributes;
    for (const TraceStep& step : user.steps) {
      if (facts_.now == 0) record_attributes(step.at);
      live(step, step.at);
    }
    if (facts_.now == 0) record_attributes(kPause);
  }

  // The number of messages after which an event told of the change to `to`, or to anybody if `to`
  // is empty; none if none did.
  std::optional<std::size_t> go_on(std::span<const TraceStep> steps, const PersonaId& to) {
    const base::UnixMicros begun = facts_.now + kPause;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto at = begun + static_cast<base::UnixMicros>(i) * kBetweenMessages;
      const auto change = live(steps[i], at);
      if (change && (to.empty() || change->to == to)) return i + 1;
    }
    return std::nullopt;
  }

 private:
  void record_attributes(base::UnixMicros at) {
    for (const auto& [name, value] : facts_.attributes) facts_.recorded_at[name] = at;
    facts_.now = at;
  }

  std::optional<persona::PersonaChange> live(const TraceStep& step, base::UnixMicros at) {
    facts_.now = at;
    assigner_.observe(step.message, at, state_);
    const auto assignment = assigner_.assign(facts_, state_);
    auto change = assigner_.note_drift(assignment, facts_, true, state_);
    for (const auto& event : step.events) assigner_.observe(event, at, state_);
    return change;
  }

  const Assigner& assigner_;
  persona::UserFacts facts_;
  persona::AssignmentState state_;
};

double mean_of(const std::vector<double>& values, const Indices& units) {
  double sum = 0.0;
  for (const std::size_t unit : units) sum += values[unit];
  return sum / static_cast<double>(units.size());
}

double median_of(const std::vector<double>& values, const Indices& units) {
  std::vector<double> drawn;
  for (const std::size_t unit : units) drawn.push_back(values[unit]);
  const auto middle = drawn.begin() + static_cast<std::ptrdiff_t>(drawn.size() / 2);
  std::nth_element(drawn.begin(), middle, drawn.end());
  return *middle;
}

void add_false_drift(const Assigner& assigner, std::span<const UserTrace> users,
                     const SimulatedChange& change, Report& report) {
  std::vector<double> is_told;
  for (std::size_t i = 0; i < users.size(); ++i) {
    auto steps = steps_of_others(users, users[i].persona, users[i].user, i);
    steps.resize(std::min(steps.size(), change.max_messages));
    is_told.push_back(Life(assigner, users[i]).go_on(steps, {}) ? 1.0 : 0.0);
  }
  report.figures["false_drift"] =
      bootstrap(is_told.size(), [&](const Indices& units) { return mean_of(is_told, units); });
}

}  // namespace

void add_drift(const Assigner& assigner, std::span<const UserTrace> users,
               const SimulatedChange& change, Report& report) {
  if (users.empty()) return;
  add_false_drift(assigner, users, change, report);
  std::vector<double> is_noticed;
  std::vector<double> messages;
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (users[i].persona != change.from) continue;
    auto steps = steps_of_others(users, change.to, users[i].user, i);
    if (steps.empty()) return;
    steps.resize(std::min(steps.size(), change.max_messages));
    const auto noticed = Life(assigner, users[i]).go_on(steps, change.to);
    is_noticed.push_back(noticed ? 1.0 : 0.0);
    // Not noticed is later than all that was simulated.
    messages.push_back(static_cast<double>(noticed.value_or(steps.size() + 1)));
  }
  if (is_noticed.empty()) return;
  report.figures["drift_noticed"] = bootstrap(
      is_noticed.size(), [&](const Indices& units) { return mean_of(is_noticed, units); });
  report.figures["drift_messages"] =
      bootstrap(messages.size(), [&](const Indices& units) { return median_of(messages, units); });
}

}  // namespace kith::eval
