#include <algorithm>

#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

// Asks for nothing: what is chosen after it is chosen for the option's own sake.
constexpr const char* kNoQuestion = "What is the answer?";

// Whether each adapter's choice was right: [persona, ..., base].
struct FactScores {
  std::string persona;
  std::vector<bool> right;
};

// A question with its options.
struct Choice {
  std::string question;
  std::vector<std::string> options;
  std::size_t answer = 0;
};

Choice to_choice(const DeskFact& fact) { return {fact.question, fact.options, fact.answer}; }

// Among values that the same users were told as right answers to other questions.
Choice among_peers(const DeskFact& fact) {
  Choice choice{fact.question, fact.peers, fact.peers.size()};
  choice.options.push_back(fact.options[fact.answer]);
  return choice;
}

// Closed book: the question alone, without system message or passage.
Result<bool> knows(const Choice& choice, personalize::Generator& generator,
                   const AdapterId& adapter) {
  KITH_ASSIGN_OR_RETURN(
      auto scores,
      generator.score({.messages = {{.role = "user", .content = choice.question, .raw = {}}},
                       .adapters = personalize::only_adapter(adapter),
                       .soft_prompt = nullptr,
                       .tenant = {},
                       .continuations = choice.options}));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] *= static_cast<double>(generator.count_tokens(choice.options[i]));
  }
  const auto best = std::max_element(scores.begin(), scores.end());
  return static_cast<std::size_t>(best - scores.begin()) == choice.answer;
}

Result<FactScores> ask_all(const std::string& persona, const Choice& choice,
                           personalize::Generator& generator,
                           const std::vector<AdapterId>& adapters) {
  FactScores scores{.persona = persona, .right = {}};
  for (const AdapterId& adapter : adapters) {
    KITH_ASSIGN_OR_RETURN(const bool right, knows(choice, generator, adapter));
    scores.right.push_back(right);
  }
  return scores;
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

// What all facts were asked.
struct Answers {
  std::vector<FactScores> asked;
  std::vector<FactScores> among_peers;
  // Under the own adapter, the same options after kNoQuestion.
  double right_without_question = 0.0;
  double chance = 0.0;
};

Result<Answers> ask(const DeskData& data, personalize::Generator& generator,
                    const std::vector<AdapterId>& adapters, const Progress& progress) {
  Answers answers;
  const auto count = static_cast<double>(data.facts.size());
  for (const DeskFact& fact : data.facts) {
    Choice choice = to_choice(fact);
    KITH_ASSIGN_OR_RETURN(auto scores, ask_all(fact.persona, choice, generator, adapters));
    answers.asked.push_back(std::move(scores));
    answers.chance += 1.0 / (count * static_cast<double>(choice.options.size()));
    choice.question = kNoQuestion;
    KITH_ASSIGN_OR_RETURN(const bool right, knows(choice, generator, AdapterId(fact.persona)));
    answers.right_without_question += right ? 1.0 / count : 0.0;
    if (!fact.peers.empty()) {
      KITH_ASSIGN_OR_RETURN(scores, ask_all(fact.persona, among_peers(fact), generator, adapters));
      answers.among_peers.push_back(std::move(scores));
    }
    if (progress) progress(static_cast<double>(answers.asked.size()) / count);
  }
  return answers;
}

}  // namespace

Result<Report> evaluate_facts(const DeskData& data, personalize::Generator& generator,
                              const Progress& progress) {
  if (data.facts.empty()) return Error{ErrorCode::kNotFound, "the example has no facts to ask for"};
  KITH_RETURN_IF_ERROR(require_adapters(data, generator));
  std::vector<AdapterId> adapters;
  for (const auto& persona : data.personas) adapters.emplace_back(persona);
  adapters.emplace_back();
  KITH_ASSIGN_OR_RETURN(const Answers answers, ask(data, generator, adapters, progress));
  const auto& facts = answers.asked;
  Report report{.suite = "facts"};
  Figure& own = report.figures["facts_own"];
  own = figure_of(facts, data.personas, units_of(facts, {}));
  own.baselines["chance"] = answers.chance;
  own.baselines["without_question"] = answers.right_without_question;
  if (!answers.among_peers.empty()) {
    report.figures["facts_among_peers"] =
        figure_of(answers.among_peers, data.personas, units_of(answers.among_peers, {}));
  }
  for (const auto& persona : data.personas) {
    const Units units = units_of(facts, persona);
    if (units.empty()) continue;
    report.figures["facts_own_" + persona] = figure_of(facts, data.personas, units);
  }
  return report;
}

}  // namespace kith::eval
