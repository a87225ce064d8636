#include <algorithm>
#include <numeric>

#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

// Whether each adapter's choice was right: [persona, ..., base].
struct FactScores {
  std::string persona;
  std::vector<bool> right;
};

// Closed book: the question alone, without system message or passage.
Result<bool> knows(const DeskFact& fact, personalize::Generator& generator,
                   const AdapterId& adapter) {
  KITH_ASSIGN_OR_RETURN(
      auto scores,
      generator.score({.messages = {{.role = "user", .content = fact.question, .raw = {}}},
                       .adapters = personalize::only_adapter(adapter),
                       .soft_prompt = nullptr,
                       .tenant = {},
                       .continuations = fact.options}));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] *= static_cast<double>(generator.count_tokens(fact.options[i]));
  }
  const auto best = std::max_element(scores.begin(), scores.end());
  return static_cast<std::size_t>(best - scores.begin()) == fact.answer;
}

using Units = std::vector<std::size_t>;

// Share of right answers over the facts of `units`; `choose` gives the adapters asked for a fact's
// persona.
template <typename Choose>
double share_right(const std::vector<FactScores>& facts, const Units& units, Choose choose) {
  double right = 0.0;
  double asked = 0.0;
  for (const std::size_t unit : units) {
    for (std::size_t adapter = 0; adapter < facts[unit].right.size(); ++adapter) {
      if (!choose(facts[unit].persona, adapter)) continue;
      right += facts[unit].right[adapter] ? 1.0 : 0.0;
      asked += 1.0;
    }
  }
  return asked > 0.0 ? right / asked : 0.0;
}

double chance(const std::vector<DeskFact>& facts) {
  double sum = 0.0;
  for (const auto& fact : facts) sum += 1.0 / static_cast<double>(fact.options.size());
  return sum / static_cast<double>(facts.size());
}

Units units_of(const std::vector<FactScores>& facts, const std::string& persona) {
  Units units;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (persona.empty() || facts[i].persona == persona) units.push_back(i);
  }
  return units;
}

Figure figure_of(const std::vector<FactScores>& facts, const std::vector<std::string>& personas,
                 const Units& units) {
  const std::size_t base = personas.size();
  const auto own = [&](const std::string& persona, std::size_t adapter) {
    return adapter < base && personas[adapter] == persona;
  };
  const auto other = [&](const std::string& persona, std::size_t adapter) {
    return adapter < base && personas[adapter] != persona;
  };
  Figure figure = bootstrap(units.size(), [&](const Units& drawn) {
    Units chosen;
    for (const std::size_t index : drawn) chosen.push_back(units[index]);
    return share_right(facts, chosen, own);
  });
  figure.baselines["base"] =
      share_right(facts, units, [&](const auto&, std::size_t adapter) { return adapter == base; });
  figure.baselines["other_adapters"] = share_right(facts, units, other);
  return figure;
}

}  // namespace

Result<Report> evaluate_facts(const DeskData& data, personalize::Generator& generator,
                              const Progress& progress) {
  if (data.facts.empty()) return Error{ErrorCode::kNotFound, "the example has no facts to ask for"};
  KITH_RETURN_IF_ERROR(require_adapters(data, generator));
  std::vector<AdapterId> adapters;
  for (const auto& persona : data.personas) adapters.emplace_back(persona);
  adapters.emplace_back();
  std::vector<FactScores> facts;
  for (const auto& fact : data.facts) {
    FactScores scores{.persona = fact.persona, .right = {}};
    for (const auto& adapter : adapters) {
      KITH_ASSIGN_OR_RETURN(const bool right, knows(fact, generator, adapter));
      scores.right.push_back(right);
    }
    facts.push_back(std::move(scores));
    if (progress)
      progress(static_cast<double>(facts.size()) / static_cast<double>(data.facts.size()));
  }
  Report report{.suite = "facts"};
  report.figures["facts_own"] = figure_of(facts, data.personas, units_of(facts, {}));
  report.figures["facts_own"].baselines["chance"] = chance(data.facts);
  for (const auto& persona : data.personas) {
    const Units units = units_of(facts, persona);
    if (units.empty()) continue;
    report.figures["facts_own_" + persona] = figure_of(facts, data.personas, units);
  }
  return report;
}

}  // namespace kith::eval
