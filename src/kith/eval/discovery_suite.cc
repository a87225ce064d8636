#include "kith/eval/discovery_suite.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <set>

#include "kith/base/rng.h"
#include "kith/eval/rand_index.h"

namespace kith::eval {
namespace {

using Units = std::vector<std::size_t>;
using persona::DiscoveryOptions;

constexpr std::size_t kNumResamples = 10;
constexpr double kLeftOut = 0.2;
// Of the progress bar.
constexpr double kNumRuns = 12.0 + kNumResamples;

// What a run looks at, and who takes part in it.
struct Trial {
  DiscoveryOptions options;
  std::set<std::string> hidden_attributes;
  std::vector<const DeskUser*> users;
  bool holds_test_out = false;
};

// Groups and personas of the trial's users as numbers.
struct Outcome {
  std::vector<std::size_t> groups;
  std::vector<std::size_t> truth;
  std::size_t num_groups = 0;

  double index_of(const Units& units) const {
    std::vector<std::size_t> found;
    std::vector<std::size_t> right;
    for (const std::size_t unit : units) {
      found.push_back(groups[unit]);
      right.push_back(truth[unit]);
    }
    return adjusted_rand_index(found, right);
  }
  double index() const { return adjusted_rand_index(groups, truth); }
};

class Suite {
 public:
  Suite(const std::vector<DeskUser>& users, const persona::TextEncoder* encoder,
        const Progress& progress)
      : encoder_(encoder), progress_(progress) {
    for (const DeskUser& user : users) {
      all_.push_back(&user);
      numbers_.emplace(user.persona, 0);
    }
    std::size_t next = 0;
    for (auto& [persona, number] : numbers_) number = next++;
  }

  const std::vector<const DeskUser*>& all() const { return all_; }
  std::size_t num_personas() const { return numbers_.size(); }

  Result<Outcome> run(const Trial& trial) {
    KITH_ASSIGN_OR_RETURN(auto discovery, persona::PersonaDiscovery::create(trial.options, encoder_,
                                                                            nullptr, redactor_));
    for (const DeskUser* user : trial.users) {
      persona::DiscoveryUser seen = user->user;
      for (const std::string& name : trial.hidden_attributes) seen.attributes.erase(name);
      seen.teaches = !trial.holds_test_out || !user->is_test;
      KITH_RETURN_IF_ERROR(discovery.add(seen));
    }
    KITH_ASSIGN_OR_RETURN(const persona::Discovery found, discovery.finish());
    Outcome outcome{.groups = {}, .truth = {}, .num_groups = found.proposals.size()};
    for (std::size_t i = 0; i < trial.users.size(); ++i) {
      outcome.groups.push_back(found.group_of[i].value_or(found.proposals.size()));
      outcome.truth.push_back(numbers_.at(trial.users[i]->persona));
    }
    if (progress_) progress_(std::min(1.0, ++runs_ / kNumRuns));
    return outcome;
  }

  // The figure of `trial` over the users whose indices are `units`, with what attributes and texts
  // alone give.
  Result<Figure> measure(const Trial& trial, const Units& units) {
    KITH_ASSIGN_OR_RETURN(const Outcome outcome, run(trial));
    Figure figure = bootstrap(units.size(), [&](const Units& drawn) {
      Units chosen;
      for (const std::size_t index : drawn) chosen.push_back(units[index]);
      return outcome.index_of(chosen);
    });
    for (const bool by_attributes : {true, false}) {
      Trial alone = trial;
      alone.options.uses_attributes = by_attributes;
      alone.options.uses_texts = !by_attributes;
      KITH_ASSIGN_OR_RETURN(const Outcome other, run(alone));
      figure.baselines[by_attributes ? "attributes" : "texts"] = other.index_of(units);
    }
    return figure;
  }

 private:
  const persona::TextEncoder* encoder_;
  const Progress& progress_;
  text::PiiRedactor redactor_;
  std::vector<const DeskUser*> all_;
  std::map<std::string, std::size_t> numbers_;
  double runs_ = 0.0;
};

Units every(std::size_t count) {
  Units units(count);
  std::iota(units.begin(), units.end(), std::size_t{0});
  return units;
}

// Mean, smallest and largest.
Figure spread(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), *low, *high, {}};
}

double random_index(const Outcome& outcome, std::uint64_t seed) {
  base::Rng rng(seed);
  Outcome drawn = outcome;
  for (std::size_t& group : drawn.groups) group = rng.below(outcome.num_groups);
  return drawn.index();
}

Status measure_resampled(Suite& suite, const Trial& whole, Report& report) {
  std::vector<double> indices;
  std::vector<double> numbers;
  for (std::size_t i = 0; i < kNumResamples; ++i) {
    Trial trial = whole;
    trial.options.mixture.seed += i;
    trial.users.clear();
    base::Rng rng(trial.options.mixture.seed);
    for (const DeskUser* user : suite.all()) {
      if (rng.uniform() >= kLeftOut) trial.users.push_back(user);
    }
    KITH_ASSIGN_OR_RETURN(const Outcome outcome, suite.run(trial));
    indices.push_back(outcome.index());
    numbers.push_back(static_cast<double>(outcome.num_groups));
  }
  report.figures["ari_resampled"] = spread(indices);
  Figure& groups = report.figures["groups"];
  const Figure found = spread(numbers);
  groups.low = found.low;
  groups.high = found.high;
  return {};
}

void add_table(const Outcome& outcome, const std::vector<const DeskUser*>& users, Report& report) {
  std::map<std::string, std::vector<std::size_t>> table;
  for (std::size_t i = 0; i < users.size(); ++i) {
    auto& row = table[users[i]->persona];
    row.resize(outcome.num_groups + 1);
    ++row[outcome.groups[i]];
  }
  report.notes.push_back("hidden persona, and how many of its users are in each group");
  for (const auto& [persona, counts] : table) {
    char cell[32];
    std::snprintf(cell, sizeof(cell), "%-20s", persona.c_str());
    std::string line = cell;
    for (const std::size_t count : counts) {
      std::snprintf(cell, sizeof(cell), " %5zu", count);
      line += cell;
    }
    report.notes.push_back(line);
  }
}

}  // namespace

Result<Report> evaluate_discovery(const std::vector<DeskUser>& users,
                                  const persona::TextEncoder* encoder,
                                  const DiscoveryOptions& options, const Progress& progress) {
  Suite suite(users, encoder, progress);
  Report report{.suite = "discovery"};
  Units test;
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (users[i].is_test) test.push_back(i);
  }
  if (test.empty()) return Error{ErrorCode::kNotFound, "no user belongs to the test part"};
  const Trial whole{.options = options, .hidden_attributes = {}, .users = suite.all()};
  const Units all = every(users.size());
  KITH_ASSIGN_OR_RETURN(const Outcome outcome, suite.run(whole));
  add_table(outcome, suite.all(), report);
  Figure& groups = report.figures["groups"];
  groups.value = static_cast<double>(outcome.num_groups);
  groups.baselines["truth"] = static_cast<double>(suite.num_personas());

  KITH_ASSIGN_OR_RETURN(report.figures["ari"], suite.measure(whole, all));
  report.figures["ari"].baselines["random"] = random_index(outcome, options.mixture.seed);
  Trial held_out = whole;
  held_out.holds_test_out = true;
  KITH_ASSIGN_OR_RETURN(report.figures["ari_test"], suite.measure(held_out, test));
  Trial no_grade = whole;
  no_grade.hidden_attributes = {kStrongestAttribute};
  KITH_ASSIGN_OR_RETURN(report.figures["ari_no_grade"], suite.measure(no_grade, all));
  no_grade.hidden_attributes.insert(kNextAttribute);
  KITH_ASSIGN_OR_RETURN(report.figures["ari_no_grade_title"], suite.measure(no_grade, all));
  KITH_RETURN_IF_ERROR(measure_resampled(suite, whole, report));
  return report;
}

}  // namespace kith::eval
