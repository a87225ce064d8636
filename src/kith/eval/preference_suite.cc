#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <set>

#include "kith/eval/bag_of_words.h"
#include "kith/eval/loss.h"
#include "kith/eval/suites.h"
#include "kith/text/segment.h"

namespace kith::eval {
namespace {

using Units = std::vector<std::size_t>;

// What came of one test pair: 1 where the chosen draft was picked, 0.5 for a tie of lengths.
struct Outcome {
  std::size_t persona = 0;
  std::vector<double> by_adapter;  // [persona, ..., base]
  double before = 0.0;
  double longer = 0.0;
  double bag_of_words = 0.0;
};

// The two drafts as answers to the question alone, by mean log-probability a token.
Result<double> picks(const PreferencePair& pair, personalize::Generator& generator,
                     const AdapterId& adapter) {
  KITH_ASSIGN_OR_RETURN(
      const auto scores,
      generator.score({.messages = {{.role = "user", .content = pair.question, .raw = {}}},
                       .adapters = personalize::only_adapter(adapter),
                       .soft_prompt = nullptr,
                       .tenant = {},
                       .continuations = {pair.chosen, pair.rejected}}));
  return scores[0] > scores[1] ? 1.0 : 0.0;
}

// Whether a word stands in a draft, not how often: drafts are short.
std::vector<std::string> words_of(const std::string& text) {
  const auto words = text::segment_words(text);
  const std::set<std::string> unique(words.begin(), words.end());
  return {unique.begin(), unique.end()};
}

// Chosen drafts are class 0, rejected ones class 1; only pairs of train users.
BagOfWords train_words(const std::vector<PreferencePair>& pairs, const std::string& persona) {
  BagOfWords words(2);
  for (const auto& pair : pairs) {
    if (pair.is_test || pair.persona != persona) continue;
    words.add(words_of(pair.chosen), 0);
    words.add(words_of(pair.rejected), 1);
  }
  return words;
}

double picks_by_words(const PreferencePair& pair, const BagOfWords& words) {
  const auto evidence = [&](const std::string& draft) {
    const auto own = words_of(draft);
    return words.score(own, 0) - words.score(own, 1);
  };
  return evidence(pair.chosen) > evidence(pair.rejected) ? 1.0 : 0.0;
}

double picks_longer(const PreferencePair& pair, const personalize::Generator& generator) {
  const auto chosen = generator.count_tokens(pair.chosen);
  const auto rejected = generator.count_tokens(pair.rejected);
  return chosen == rejected ? 0.5 : chosen > rejected ? 1.0 : 0.0;
}

// The outcomes of the test pairs, grouped by user: the users are the units of every interval.
struct Outcomes {
  std::vector<std::vector<Outcome>> users;
  bool has_before = false;
};

// Mean over the outcomes of `units` that belong to `persona`, or to any if it is out of range.
template <typename Value>
double mean_over(const Outcomes& outcomes, const Units& units, std::size_t persona,
                 std::size_t num_personas, Value value) {
  double sum = 0.0;
  double count = 0.0;
  for (const std::size_t unit : units) {
    for (const Outcome& outcome : outcomes.users[unit]) {
      if (persona < num_personas && outcome.persona != persona) continue;
      sum += value(outcome);
      count += 1.0;
    }
  }
  return count > 0.0 ? sum / count : 0.0;
}

Units all_units(std::size_t count) {
  Units units(count);
  std::iota(units.begin(), units.end(), std::size_t{0});
  return units;
}

// For each persona the other adapter that picks best on its pairs: the hardest to beat.
std::vector<std::size_t> best_others(const Outcomes& outcomes, std::size_t num_personas) {
  const Units all = all_units(outcomes.users.size());
  std::vector<std::size_t> best(num_personas, num_personas);
  for (std::size_t own = 0; own < num_personas; ++own) {
    double highest = -1.0;
    for (std::size_t other = 0; other < num_personas; ++other) {
      if (other == own) continue;
      const double accuracy = mean_over(outcomes, all, own, num_personas,
                                        [&](const Outcome& o) { return o.by_adapter[other]; });
      if (accuracy > highest) {
        highest = accuracy;
        best[own] = other;
      }
    }
  }
  return best;
}

double own_of(const Outcome& outcome) { return outcome.by_adapter[outcome.persona]; }

// Over the users of one persona, or all if it is out of range.
Figure accuracy_of(const Outcomes& outcomes, std::size_t persona, std::size_t num_personas,
                   const std::vector<std::size_t>& best_other) {
  Units units;
  for (std::size_t i = 0; i < outcomes.users.size(); ++i) {
    if (persona >= num_personas || outcomes.users[i].front().persona == persona) units.push_back(i);
  }
  const auto mean = [&](const Units& of, auto value) {
    return mean_over(outcomes, of, persona, num_personas, value);
  };
  Figure figure = bootstrap(units.size(), [&](const Units& drawn) {
    Units chosen;
    for (const std::size_t index : drawn) chosen.push_back(units[index]);
    return mean(chosen, own_of);
  });
  auto& baselines = figure.baselines;
  baselines["longer"] = mean(units, [](const Outcome& o) { return o.longer; });
  baselines["shorter"] = 1.0 - baselines["longer"];
  baselines["bag_of_words"] = mean(units, [](const Outcome& o) { return o.bag_of_words; });
  baselines["base"] = mean(units, [](const Outcome& o) { return o.by_adapter.back(); });
  if (num_personas > 1) {
    baselines["best_other"] =
        mean(units, [&](const Outcome& o) { return o.by_adapter[best_other[o.persona]]; });
    baselines["mean_other"] = mean(units, [&](const Outcome& o) {
      const double all = std::accumulate(o.by_adapter.begin(), o.by_adapter.end() - 1, 0.0);
      return (all - own_of(o)) / static_cast<double>(num_personas - 1);
    });
  }
  if (outcomes.has_before) {
    baselines["before"] = mean(units, [](const Outcome& o) { return o.before; });
  }
  return figure;
}

// Each user's mean, for paired intervals.
template <typename Value>
std::vector<double> by_user(const Outcomes& outcomes, Value value) {
  std::vector<double> means;
  for (const auto& user : outcomes.users) {
    double sum = 0.0;
    for (const Outcome& outcome : user) sum += value(outcome);
    means.push_back(sum / static_cast<double>(user.size()));
  }
  return means;
}

void add_gains(const Outcomes& outcomes, const std::vector<std::size_t>& best_other,
               Report& report) {
  const auto own = by_user(outcomes, own_of);
  const auto gain = [&](const char* name, auto value) {
    report.figures[name] = paired_bootstrap(own, by_user(outcomes, value));
  };
  gain("gain_over_longer", [](const Outcome& o) { return o.longer; });
  gain("gain_over_shorter", [](const Outcome& o) { return 1.0 - o.longer; });
  if (best_other.size() > 1) {
    gain("gain_over_best_other",
         [&](const Outcome& o) { return o.by_adapter[best_other[o.persona]]; });
  }
  if (outcomes.has_before) gain("gain_over_before", [](const Outcome& o) { return o.before; });
}

// The answers to one user as continuations of what stands before them.
Result<Loss> score_answers(const std::vector<const DeskConversation*>& conversations,
                           personalize::Generator& generator, const AdapterId& adapter) {
  Loss loss;
  for (const DeskConversation* conversation : conversations) {
    const std::span turns(conversation->turns);
    for (std::size_t i = 1; i < turns.size(); ++i) {
      if (turns[i].role != "assistant" || turns[i].content.empty()) continue;
      const auto before = turns.first(i);
      KITH_ASSIGN_OR_RETURN(const auto scores,
                            generator.score({.messages = {before.begin(), before.end()},
                                             .adapters = personalize::only_adapter(adapter),
                                             .soft_prompt = nullptr,
                                             .tenant = {},
                                             .continuations = {turns[i].content}}));
      const auto tokens = static_cast<double>(generator.count_tokens(turns[i].content));
      loss.add({.nats = -scores.front() * tokens, .tokens = tokens});
    }
  }
  return loss;
}

// What tuning costs on the persona's own conversations.
Status add_perplexity(const DeskData& data, personalize::Generator& generator,
                      personalize::Generator& before, Report& report) {
  std::vector<Loss> all_tuned;
  std::vector<Loss> all_before;
  for (const auto& persona : data.personas) {
    std::map<std::string, std::vector<const DeskConversation*>> users;
    for (const auto& c : data.conversations) {
      if (c.is_test && c.persona == persona) users[c.user].push_back(&c);
    }
    std::vector<Loss> tuned;
    std::vector<Loss> untuned;
    for (const auto& [user, conversations] : users) {
      KITH_ASSIGN_OR_RETURN(const Loss a,
                            score_answers(conversations, generator, AdapterId(persona)));
      KITH_ASSIGN_OR_RETURN(const Loss b, score_answers(conversations, before, AdapterId(persona)));
      if (a.tokens == 0.0) continue;
      tuned.push_back(a);
      untuned.push_back(b);
    }
    if (tuned.empty()) continue;
    report.figures["perplexity_change_" + persona] = perplexity_change(tuned, untuned);
    all_tuned.insert(all_tuned.end(), tuned.begin(), tuned.end());
    all_before.insert(all_before.end(), untuned.begin(), untuned.end());
  }
  if (!all_tuned.empty()) {
    report.figures["perplexity_change"] = perplexity_change(all_tuned, all_before);
  }
  return {};
}

void add_table(const std::vector<std::string>& personas, const Outcomes& outcomes, Report& report) {
  char cell[32];
  report.notes.push_back("share of pairs whose chosen draft is likelier a token, by adapter");
  std::string header = "pairs of            ";
  for (const auto& persona : personas) {
    std::snprintf(cell, sizeof(cell), "  %10.10s", persona.c_str());
    header += cell;
  }
  report.notes.push_back(header + "        base");
  const Units all = all_units(outcomes.users.size());
  for (std::size_t own = 0; own < personas.size(); ++own) {
    std::snprintf(cell, sizeof(cell), "%-20s", personas[own].c_str());
    std::string line = cell;
    for (std::size_t adapter = 0; adapter <= personas.size(); ++adapter) {
      const double accuracy = mean_over(outcomes, all, own, personas.size(),
                                        [&](const Outcome& o) { return o.by_adapter[adapter]; });
      std::snprintf(cell, sizeof(cell), "  %10.3f", accuracy);
      line += cell;
    }
    report.notes.push_back(line);
  }
}

Status check_adapters(const std::vector<std::string>& personas,
                      const personalize::Generator& generator) {
  const auto names = generator.adapter_names();
  for (const auto& persona : personas) {
    if (std::find(names.begin(), names.end(), AdapterId(persona)) == names.end()) {
      return Error{ErrorCode::kNotFound, "the model has no adapter for persona " + persona};
    }
  }
  return {};
}

// Asks every adapter about every test pair.
Result<Outcomes> collect(const std::vector<std::string>& personas,
                         const std::vector<PreferencePair>& pairs,
                         personalize::Generator& generator, personalize::Generator* before,
                         const Progress& progress) {
  std::vector<AdapterId> adapters;
  std::vector<BagOfWords> words;
  for (const auto& persona : personas) {
    adapters.emplace_back(persona);
    words.push_back(train_words(pairs, persona));
  }
  adapters.emplace_back();
  std::map<std::string, std::vector<Outcome>> users;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const PreferencePair& pair = pairs[i];
    if (progress) progress(static_cast<double>(i + 1) / static_cast<double>(pairs.size()));
    const auto own = std::find(personas.begin(), personas.end(), pair.persona);
    if (own == personas.end()) {
      return Error{ErrorCode::kInvalidArgument, "pair " + pair.id + " has an unknown persona"};
    }
    if (!pair.is_test) continue;
    Outcome outcome{.persona = static_cast<std::size_t>(own - personas.begin())};
    for (const auto& adapter : adapters) {
      KITH_ASSIGN_OR_RETURN(const double right, picks(pair, generator, adapter));
      outcome.by_adapter.push_back(right);
    }
    if (before != nullptr) {
      KITH_ASSIGN_OR_RETURN(outcome.before, picks(pair, *before, adapters[outcome.persona]));
    }
    outcome.longer = picks_longer(pair, generator);
    outcome.bag_of_words = picks_by_words(pair, words[outcome.persona]);
    users[pair.user].push_back(std::move(outcome));
  }
  if (users.empty()) return Error{ErrorCode::kNotFound, "the example has no test pairs"};
  Outcomes outcomes{.has_before = before != nullptr};
  for (auto& [user, own] : users) outcomes.users.push_back(std::move(own));
  return outcomes;
}

}  // namespace

Result<Report> evaluate_preferences(const DeskData& data, const std::vector<PreferencePair>& pairs,
                                    personalize::Generator& generator,
                                    personalize::Generator* before, const Progress& progress) {
  KITH_RETURN_IF_ERROR(check_adapters(data.personas, generator));
  if (before != nullptr) KITH_RETURN_IF_ERROR(check_adapters(data.personas, *before));
  KITH_ASSIGN_OR_RETURN(const Outcomes outcomes,
                        collect(data.personas, pairs, generator, before, progress));
  const std::size_t num_personas = data.personas.size();
  const auto best_other = best_others(outcomes, num_personas);
  Report report{.suite = "preferences"};
  report.figures["accuracy"] = accuracy_of(outcomes, num_personas, num_personas, best_other);
  for (std::size_t persona = 0; persona < num_personas; ++persona) {
    const bool is_asked = std::any_of(outcomes.users.begin(), outcomes.users.end(),
                                      [&](const auto& u) { return u.front().persona == persona; });
    if (!is_asked) continue;
    report.figures["accuracy_" + data.personas[persona]] =
        accuracy_of(outcomes, persona, num_personas, best_other);
  }
  add_gains(outcomes, best_other, report);
  if (before != nullptr) KITH_RETURN_IF_ERROR(add_perplexity(data, generator, *before, report));
  add_table(data.personas, outcomes, report);
  return report;
}

}  // namespace kith::eval
