#include <algorithm>
#include <cctype>
#include <cstdio>
#include <functional>
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

// What came of one asked pair. A margin is by how many nats a token the chosen draft is likelier
// than the rejected one.
struct Outcome {
  std::size_t persona = 0;
  std::vector<double> margins;  // [persona, ..., base]
  double before = 0.0;          // margin
  double longer = 0.0;          // 1 where the longer draft is the chosen one, 0.5 for a tie
  double bag_of_words = 0.0;
  bool is_reordered = false;
};

// What a margin is measured from: from zero, or from the base model's margin.
enum class Measure { kLikelihood, kReward };

// A tie counts half.
double picked(double margin) { return margin > 0.0 ? 1.0 : margin < 0.0 ? 0.0 : 0.5; }

double picked_by(const Outcome& outcome, double margin, Measure measure) {
  return picked(measure == Measure::kReward ? margin - outcome.margins.back() : margin);
}

// The two drafts as answers to the question alone, by mean log-probability a token.
Result<double> margin_of(const PreferencePair& pair, personalize::Generator& generator,
                         const AdapterId& adapter) {
  KITH_ASSIGN_OR_RETURN(
      const auto scores,
      generator.score({.messages = {{.role = "user", .content = pair.question, .raw = {}}},
                       .adapters = personalize::only_adapter(adapter),
                       .soft_prompt = nullptr,
                       .tenant = {},
                       .continuations = {pair.chosen, pair.rejected}}));
  return scores[0] - scores[1];
}

// One draft holds the words of the other in another order; numbers of steps and dashes aside.
bool is_reordered(const PreferencePair& pair) {
  const auto sorted = [](const std::string& text) {
    std::vector<std::string> words;
    for (auto& word : text::segment_words(text)) {
      if (word.size() > 1 || !std::isdigit(static_cast<unsigned char>(word[0]))) {
        words.push_back(std::move(word));
      }
    }
    std::sort(words.begin(), words.end());
    return words;
  };
  return sorted(pair.chosen) == sorted(pair.rejected);
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
  return picked(evidence(pair.chosen) - evidence(pair.rejected));
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

// Which outcomes a figure counts.
using Filter = std::function<bool(const Outcome&)>;

Filter of_persona(std::size_t persona) {
  return [persona](const Outcome& outcome) { return outcome.persona == persona; };
}

// Mean over the outcomes of `units` that pass; 0 if none does.
template <typename Value>
double mean_over(const Outcomes& outcomes, const Units& units, const Filter& counts, Value value) {
  double sum = 0.0;
  double count = 0.0;
  for (const std::size_t unit : units) {
    for (const Outcome& outcome : outcomes.users[unit]) {
      if (!counts(outcome)) continue;
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
std::vector<std::size_t> best_others(const Outcomes& outcomes, std::size_t num_personas,
                                     Measure measure) {
  const Units all = all_units(outcomes.users.size());
  std::vector<std::size_t> best(num_personas, num_personas);
  for (std::size_t own = 0; own < num_personas; ++own) {
    double highest = -1.0;
    for (std::size_t other = 0; other < num_personas; ++other) {
      if (other == own) continue;
      const double accuracy = mean_over(outcomes, all, of_persona(own), [&](const Outcome& o) {
        return picked_by(o, o.margins[other], measure);
      });
      if (accuracy > highest) {
        highest = accuracy;
        best[own] = other;
      }
    }
  }
  return best;
}

double own_of(const Outcome& outcome, Measure measure) {
  return picked_by(outcome, outcome.margins[outcome.persona], measure);
}

double mean_other_of(const Outcome& outcome, Measure measure) {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < outcome.margins.size(); ++i) {
    if (i != outcome.persona) sum += picked_by(outcome, outcome.margins[i], measure);
  }
  return sum / static_cast<double>(outcome.margins.size() - 2);
}

// Over the users with outcomes that pass.
Figure accuracy_of(const Outcomes& outcomes, const Filter& counts,
                   const std::vector<std::size_t>& best_other, Measure measure) {
  Units units;
  for (std::size_t i = 0; i < outcomes.users.size(); ++i) {
    if (std::any_of(outcomes.users[i].begin(), outcomes.users[i].end(), counts)) units.push_back(i);
  }
  const auto mean = [&](const Units& of, auto value) {
    return mean_over(outcomes, of, counts, value);
  };
  const auto own = [&](const Outcome& o) { return own_of(o, measure); };
  Figure figure = bootstrap(units.size(), [&](const Units& drawn) {
    Units chosen;
    for (const std::size_t index : drawn) chosen.push_back(units[index]);
    return mean(chosen, own);
  });
  auto& baselines = figure.baselines;
  baselines["longer"] = mean(units, [](const Outcome& o) { return o.longer; });
  baselines["shorter"] = 1.0 - baselines["longer"];
  baselines["bag_of_words"] = mean(units, [](const Outcome& o) { return o.bag_of_words; });
  baselines["base"] =
      mean(units, [&](const Outcome& o) { return picked_by(o, o.margins.back(), measure); });
  if (best_other.size() > 1) {
    baselines["best_other"] = mean(units, [&](const Outcome& o) {
      return picked_by(o, o.margins[best_other[o.persona]], measure);
    });
    baselines["mean_other"] =
        mean(units, [&](const Outcome& o) { return mean_other_of(o, measure); });
  }
  if (outcomes.has_before) {
    baselines["before"] =
        mean(units, [&](const Outcome& o) { return picked_by(o, o.before, measure); });
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
               Measure measure, const std::string& suffix, Report& report) {
  const auto own = by_user(outcomes, [&](const Outcome& o) { return own_of(o, measure); });
  const auto gain = [&](const std::string& name, auto value) {
    report.figures[name + suffix] = paired_bootstrap(own, by_user(outcomes, value));
  };
  gain("gain_over_longer", [](const Outcome& o) { return o.longer; });
  gain("gain_over_shorter", [](const Outcome& o) { return 1.0 - o.longer; });
  if (best_other.size() > 1) {
    gain("gain_over_best_other",
         [&](const Outcome& o) { return picked_by(o, o.margins[best_other[o.persona]], measure); });
    gain("gain_over_mean_other", [&](const Outcome& o) { return mean_other_of(o, measure); });
  }
  if (outcomes.has_before) {
    gain("gain_over_before", [&](const Outcome& o) { return picked_by(o, o.before, measure); });
  }
}

// All figures of one measure; their names end in `suffix`.
void add_measure(const std::vector<std::string>& personas, const Outcomes& outcomes,
                 Measure measure, const std::string& suffix, Report& report) {
  const auto best_other = best_others(outcomes, personas.size(), measure);
  const auto add = [&](const std::string& name, const Filter& counts) {
    const bool is_asked = std::any_of(
        outcomes.users.begin(), outcomes.users.end(),
        [&](const auto& user) { return std::any_of(user.begin(), user.end(), counts); });
    if (!is_asked) return;
    report.figures[name + suffix] = accuracy_of(outcomes, counts, best_other, measure);
  };
  add("accuracy", [](const Outcome&) { return true; });
  add("accuracy_reordered", [](const Outcome& o) { return o.is_reordered; });
  add("accuracy_reworded", [](const Outcome& o) { return !o.is_reordered; });
  for (std::size_t i = 0; i < personas.size(); ++i) add("accuracy_" + personas[i], of_persona(i));
  add_gains(outcomes, best_other, measure, suffix, report);
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

void add_table(const std::vector<std::string>& personas, const Outcomes& outcomes, Measure measure,
               const char* title, Report& report) {
  char cell[32];
  report.notes.emplace_back(title);
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
      const double accuracy = mean_over(outcomes, all, of_persona(own), [&](const Outcome& o) {
        return picked_by(o, o.margins[adapter], measure);
      });
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
      KITH_ASSIGN_OR_RETURN(const double margin, margin_of(pair, generator, adapter));
      outcome.margins.push_back(margin);
    }
    if (before != nullptr) {
      KITH_ASSIGN_OR_RETURN(outcome.before, margin_of(pair, *before, adapters[outcome.persona]));
    }
    outcome.is_reordered = is_reordered(pair);
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
  Report report{.suite = "preferences"};
  add_measure(data.personas, outcomes, Measure::kReward, "", report);
  add_measure(data.personas, outcomes, Measure::kLikelihood, "_by_likelihood", report);
  if (before != nullptr) KITH_RETURN_IF_ERROR(add_perplexity(data, generator, *before, report));
  add_table(data.personas, outcomes, Measure::kReward,
            "share of pairs whose chosen draft gained more a token over the base model, by adapter",
            report);
  add_table(data.personas, outcomes, Measure::kLikelihood,
            "share of pairs whose chosen draft is likelier a token, by adapter", report);
  return report;
}

}  // namespace kith::eval
