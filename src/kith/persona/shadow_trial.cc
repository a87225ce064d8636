#include "kith/persona/shadow_trial.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace kith::persona {
namespace {

using base::OrderedJson;

struct Measure {
  const char* name;
  Direction better;
};

// In the order that they are told. An answer has those that it could be measured by.
constexpr std::array kMeasures = {Measure{"grounding", Direction::kUp},
                                  Measure{"unknown_facts", Direction::kDown},
                                  Measure{"layout", Direction::kUp},
                                  Measure{"language", Direction::kUp},
                                  Measure{"repetition", Direction::kDown},
                                  Measure{"cut", Direction::kDown},
                                  Measure{"words", Direction::kNone},
                                  Measure{"logprob_own", Direction::kNone},
                                  Measure{"logprob_serving", Direction::kNone},
                                  Measure{"logprob_shadow", Direction::kNone}};

std::string_view to_string(Direction direction) {
  if (direction == Direction::kUp) return "up";
  return direction == Direction::kDown ? "down" : "neither";
}

// One answer with what it stood beside.
struct Pair {
  storage::Scope scope;
  base::Json measures;
  ShadowExample texts;
};

using Who = std::pair<TenantId, UserId>;

Who who_of(const Pair& pair) { return {pair.scope.tenant, pair.scope.user}; }

std::string text_of(const base::Json& object) {
  const auto text = base::read_string(object, "text");
  return text && *text ? **text : std::string();
}

// None of another version's, and none that was not measured.
std::optional<Pair> read_pair(const storage::ShadowAnswer& answer, int serving) {
  auto json = base::parse_json(answer.document);
  if (!json || !json->is_object()) return std::nullopt;
  const base::Json served = json->value("served", base::Json());
  const base::Json measures = json->value("measures", base::Json());
  if (!served.is_object() || !measures.is_object()) return std::nullopt;
  const auto version = base::read_integer(served, "version");
  if (!version || version->value_or(0) != serving) return std::nullopt;
  return Pair{answer.scope, measures, {text_of(*json), text_of(served)}};
}

std::optional<double> read_measure(const base::Json& measures, const char* side, const char* name) {
  const base::Json object = measures.value(side, base::Json());
  if (!object.is_object()) return std::nullopt;
  const auto value = base::read_number(object, name);
  return value ? *value : std::nullopt;
}

// A user's sums.
struct Sums {
  double shadow = 0.0;
  double served = 0.0;
  std::size_t answers = 0;
};

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

std::optional<ShadowFigure> figure_of(const Measure& measure, const std::vector<Pair>& pairs) {
  std::map<Who, Sums> users;
  ShadowFigure figure{.name = measure.name, .better = measure.better};
  for (const Pair& pair : pairs) {
    const auto shadow = read_measure(pair.measures, "shadow", measure.name);
    const auto served = read_measure(pair.measures, "served", measure.name);
    if (!shadow || !served) continue;
    Sums& sums = users[who_of(pair)];
    sums.shadow += *shadow;
    sums.served += *served;
    ++sums.answers;
    ++figure.answers;
  }
  if (users.empty()) return std::nullopt;
  std::vector<double> shadows;
  std::vector<double> serveds;
  std::vector<double> changes;
  for (const auto& [who, sums] : users) {
    const auto count = static_cast<double>(sums.answers);
    shadows.push_back(sums.shadow / count);
    serveds.push_back(sums.served / count);
    changes.push_back(shadows.back() - serveds.back());
  }
  figure.shadow = mean(shadows);
  figure.served = mean(serveds);
  figure.change = base::bootstrap_mean(changes);
  figure.users = users.size();
  return figure;
}

void add_examples(const std::vector<Pair>& pairs, const ExampleWish& wish,
                  ShadowJudgement& judgement) {
  for (const Pair& pair : pairs) {
    if (judgement.examples.size() >= wish.most) return;
    const bool differs = pair.texts.shadow != pair.texts.served;
    if (differs && pair.scope.tenant == wish.tenant) judgement.examples.push_back(pair.texts);
  }
}

OrderedJson names_of(const ShadowJudgement& judgement, bool (ShadowFigure::*holds)() const) {
  OrderedJson names = OrderedJson::array();
  for (const ShadowFigure& figure : judgement.figures) {
    if ((figure.*holds)()) names.push_back(figure.name);
  }
  return names;
}

std::string rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

std::string joined(const OrderedJson& names) {
  std::string text;
  for (const OrderedJson& name : names) {
    text += (text.empty() ? "" : ", ") + name.get<std::string>();
  }
  return text.empty() ? "nothing" : text;
}

// As a quotation, line by line.
std::string quoted(const std::string& text) {
  std::string out = "> ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "> ";
  }
  return out;
}

}  // namespace

bool ShadowFigure::is_better() const {
  if (users < kFewestJudges) return false;
  return (better == Direction::kUp && change.low > 0.0) ||
         (better == Direction::kDown && change.high < 0.0);
}

bool ShadowFigure::is_worse() const {
  if (users < kFewestJudges) return false;
  return (better == Direction::kUp && change.high < 0.0) ||
         (better == Direction::kDown && change.low > 0.0);
}

ShadowJudgement judge_shadow(const storage::AdapterVersionId& id, int serving,
                             std::span<const storage::ShadowAnswer> answers,
                             const ExampleWish& examples) {
  ShadowJudgement judgement{.id = id, .serving = serving};
  std::vector<Pair> pairs;
  std::set<Who> users;
  std::vector<double> overlaps;
  for (const storage::ShadowAnswer& answer : answers) {
    auto pair = read_pair(answer, serving);
    if (!pair) {
      ++judgement.left_out;
      continue;
    }
    users.insert(who_of(*pair));
    if (pair->texts.shadow == pair->texts.served) judgement.same += 1.0;
    const auto overlap = base::read_number(pair->measures, "overlap");
    if (overlap && *overlap) overlaps.push_back(**overlap);
    pairs.push_back(*std::move(pair));
  }
  judgement.users = users.size();
  judgement.answers = pairs.size();
  if (!pairs.empty()) judgement.same /= static_cast<double>(pairs.size());
  judgement.overlap = mean(overlaps);
  for (const Measure& measure : kMeasures) {
    if (auto figure = figure_of(measure, pairs)) judgement.figures.push_back(*std::move(figure));
  }
  add_examples(pairs, examples, judgement);
  return judgement;
}

OrderedJson to_json(const ShadowJudgement& judgement) {
  OrderedJson json{{"adapter", judgement.id.adapter.str()},
                   {"version", judgement.id.version},
                   {"serving", judgement.serving},
                   {"users", judgement.users},
                   {"answers", judgement.answers},
                   {"left_out", judgement.left_out},
                   {"same", judgement.same},
                   {"overlap", judgement.overlap},
                   {"better", names_of(judgement, &ShadowFigure::is_better)},
                   {"worse", names_of(judgement, &ShadowFigure::is_worse)},
                   {"figures", OrderedJson::array()}};
  for (const ShadowFigure& figure : judgement.figures) {
    json["figures"].push_back({{"name", figure.name},
                               {"better", std::string(to_string(figure.better))},
                               {"shadow", figure.shadow},
                               {"served", figure.served},
                               {"change", figure.change.value},
                               {"low", figure.change.low},
                               {"high", figure.change.high},
                               {"users", figure.users},
                               {"answers", figure.answers}});
  }
  if (judgement.examples.empty()) return json;
  json["examples"] = OrderedJson::array();
  for (const ShadowExample& example : judgement.examples) {
    json["examples"].push_back({{"shadow", example.shadow}, {"served", example.served}});
  }
  return json;
}

std::string shadow_markdown(const OrderedJson& judgement) {
  const int serving = judgement.value("serving", 0);
  const std::string adapter = judgement.value("adapter", "");
  std::string text = adapter + "@" + std::to_string(judgement.value("version", 0)) +
                     " in shadow, beside " +
                     (serving == 0 ? "the model's own" : adapter + "@" + std::to_string(serving)) +
                     ": " + std::to_string(judgement.value("answers", std::size_t{0})) +
                     " answers to " + std::to_string(judgement.value("users", std::size_t{0})) +
                     " users, " + std::to_string(judgement.value("left_out", std::size_t{0})) +
                     " left out\n\n| measure | shadow | served | change | 95 % | better |\n"
                     "|---|---|---|---|---|---|\n";
  for (const OrderedJson& figure : judgement.value("figures", OrderedJson::array())) {
    text += "| " + figure.value("name", "") + " | " + rounded(figure.value("shadow", 0.0)) + " | " +
            rounded(figure.value("served", 0.0)) + " | " + rounded(figure.value("change", 0.0)) +
            " | " + rounded(figure.value("low", 0.0)) + " to " +
            rounded(figure.value("high", 0.0)) + " | " + figure.value("better", "") + " |\n";
  }
  text += "\nthe same words in " + rounded(judgement.value("same", 0.0)) +
          " of the pairs, content words in common " + rounded(judgement.value("overlap", 0.0)) +
          "\nshown better: " + joined(judgement.value("better", OrderedJson::array())) +
          "; shown worse: " + joined(judgement.value("worse", OrderedJson::array())) + "\n";
  for (const OrderedJson& example : judgement.value("examples", OrderedJson::array())) {
    text += "\nserved:\n" + quoted(example.value("served", "")) + "\nshadow:\n" +
            quoted(example.value("shadow", "")) + "\n";
  }
  return text;
}

}  // namespace kith::persona
