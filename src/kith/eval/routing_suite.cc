#include "kith/eval/routing_suite.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <utility>

#include "kith/eval/linear_floor.h"

namespace kith::eval {
namespace {

using persona::PromptScores;
using persona::Route;
using persona::Router;

// Scores of an SVM become probabilities by this much in the exponent; the floor's own temperature
// changes none of its decisions but the pool's.
constexpr double kFloorSharpness = 3.0;

class FloorScorer final : public persona::SegmentScorer {
 public:
  FloorScorer(LinearFloor floor, std::vector<std::string> labels, std::string hash)
      : floor_(std::move(floor)), labels_(std::move(labels)), hash_(std::move(hash)) {}

  const std::vector<std::string>& labels() const override { return labels_; }
  std::string hash() const override { return hash_; }

  Result<persona::SegmentScore> score(std::string_view text) const override {
    const auto scores = floor_.scores(text);
    const double greatest = *std::max_element(scores.begin(), scores.end());
    persona::SegmentScore score;
    score.out_of_scope = -greatest;
    double total = 0.0;
    for (const float value : scores) {
      score.probabilities.push_back(std::exp(kFloorSharpness * (value - greatest)));
      total += score.probabilities.back();
    }
    for (double& value : score.probabilities) value /= total;
    return score;
  }

 private:
  const LinearFloor floor_;
  const std::vector<std::string> labels_;
  const std::string hash_;
};

Result<Router> train_floor(const persona::RouterTrainingData& data,
                           const std::vector<std::string>& labels) {
  int count = 0;
  const auto train = [&](std::span<const persona::LabelledText> texts)
      -> Result<std::shared_ptr<const persona::SegmentScorer>> {
    KITH_ASSIGN_OR_RETURN(auto floor, LinearFloor::train(texts, labels));
    return std::shared_ptr<const persona::SegmentScorer>(std::make_shared<FloorScorer>(
        std::move(floor), labels, "floor-" + std::to_string(count++)));
  };
  KITH_ASSIGN_OR_RETURN(auto trained, persona::train_router(data, train));
  return Router::create(std::move(trained.scorer), std::move(trained.card.settings));
}

using Indices = std::vector<std::size_t>;

double mean_of(const std::vector<double>& values, const Indices& units) {
  if (units.empty()) return 0.0;
  double sum = 0.0;
  for (const std::size_t unit : units) sum += values[unit];
  return sum / static_cast<double>(units.size());
}

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0.0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

Figure figure_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  return bootstrap(values.size(), [&](const Indices& units) { return mean_of(values, units); });
}

// Probability that a strange text has a higher score than one in scope; ties count half.
double auroc(const std::vector<double>& inside, const std::vector<double>& outside) {
  double wins = 0.0;
  for (const double strange : outside) {
    for (const double known : inside) wins += strange > known ? 1.0 : strange == known ? 0.5 : 0.0;
  }
  return wins / (static_cast<double>(inside.size()) * static_cast<double>(outside.size()));
}

bool leads(const Route& route, const PersonaId& persona) {
  return !route.scores.empty() && route.scores.front().persona == persona;
}

bool is_part_of(const persona::RoutePart& part, const PersonaId& persona) {
  return !part.shares.empty() && part.shares.front().persona == persona;
}

double as_number(bool truth) { return truth ? 1.0 : 0.0; }

// What one router makes of all test prompts; 1 or 0 for each.
struct Marks {
  std::vector<double> prompt_only;
  std::vector<double> with_profile;
  std::vector<double> split;
  std::vector<double> refused;
  std::vector<double> contradicting;
  std::vector<double> found;  // two-part prompts that were parted
  std::vector<double> right;  // and at the right place
  std::vector<double> both;
  std::vector<double> outside_refused;
  std::vector<double> inside_strangeness;
  std::vector<double> outside_strangeness;
  std::vector<double> microseconds;

  double boundary_f1(const Indices& units) const {
    const double total = mean_of(found, units) + 1.0;
    return 2.0 * mean_of(right, units) / total;
  }
  double boundary_f1() const { return 2.0 * mean_of(right) / (mean_of(found) + 1.0); }
};

class Marker {
 public:
  Marker(const DeskRouting& routing, const Router& router) : routing_(routing), router_(router) {}

  Result<Marks> run() {
    KITH_RETURN_IF_ERROR(mark_prompts());
    KITH_RETURN_IF_ERROR(mark_contradicting());
    KITH_RETURN_IF_ERROR(mark_two_part());
    KITH_RETURN_IF_ERROR(mark_out_of_scope());
    return std::move(marks_);
  }

 private:
  Status mark_prompts() {
    for (const persona::RouterText& prompt : routing_.prompts) {
      const auto start = std::chrono::steady_clock::now();
      KITH_ASSIGN_OR_RETURN(const PromptScores scores, router_.score(prompt.text));
      const Route known = router_.route(scores, prompt.posterior);
      const std::chrono::duration<double, std::micro> took =
          std::chrono::steady_clock::now() - start;
      const Route alone = router_.route(scores, {});
      marks_.microseconds.push_back(took.count());
      marks_.prompt_only.push_back(as_number(leads(alone, prompt.persona)));
      marks_.with_profile.push_back(as_number(leads(known, prompt.persona)));
      marks_.split.push_back(as_number(known.kind == persona::RouteKind::kParts));
      marks_.refused.push_back(as_number(known.out_of_scope > known.out_of_scope_threshold));
      marks_.inside_strangeness.push_back(scores.whole.out_of_scope);
    }
    return {};
  }

  Status mark_contradicting() {
    for (const persona::ContradictingPrompt& prompt : routing_.contradicting) {
      KITH_ASSIGN_OR_RETURN(const PromptScores scores, router_.score(prompt.text));
      const Route route = router_.route(scores, prompt.posterior, false);
      marks_.contradicting.push_back(as_number(is_part_of(route.parts.front(), prompt.need)));
    }
    return {};
  }

  Status mark_two_part() {
    for (const persona::TwoPartPrompt& prompt : routing_.two_part) {
      KITH_ASSIGN_OR_RETURN(const PromptScores scores, router_.score(prompt.prompt.text));
      const Route route = router_.route(scores, {});
      const bool found = route.parts.size() == 2;
      const bool right =
          found && persona::is_seam({persona::BorderKind::kSentence, persona::Linker::kNone,
                                     route.parts[0].span.end, route.parts[1].span.begin},
                                    prompt.prompt);
      marks_.found.push_back(as_number(found));
      marks_.right.push_back(as_number(right));
      marks_.both.push_back(as_number(right && is_part_of(route.parts[0], prompt.before) &&
                                      is_part_of(route.parts[1], prompt.after)));
    }
    return {};
  }

  Status mark_out_of_scope() {
    for (const std::string& text : routing_.out_of_scope) {
      KITH_ASSIGN_OR_RETURN(const PromptScores scores, router_.score(text));
      const Route route = router_.route(scores, {});
      marks_.outside_refused.push_back(as_number(route.kind == persona::RouteKind::kBase));
      marks_.outside_strangeness.push_back(scores.whole.out_of_scope);
    }
    return {};
  }

  const DeskRouting& routing_;
  const Router& router_;
  Marks marks_;
};

Figure with_floor(Figure figure, double floor) {
  figure.baselines["floor"] = floor;
  return figure;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// Messages of one user depend on each other: intervals are over users.
Figure figure_by_user(const std::vector<persona::RouterText>& prompts,
                      const std::vector<double>& values) {
  std::map<std::string, Indices> of_user;
  for (std::size_t i = 0; i < prompts.size(); ++i) of_user[prompts[i].writer].push_back(i);
  std::vector<Indices> users;
  for (auto& [name, indices] : of_user) users.push_back(std::move(indices));
  if (users.empty()) return {};
  return bootstrap(users.size(), [&](const Indices& units) {
    Indices all;
    for (const std::size_t unit : units) {
      all.insert(all.end(), users[unit].begin(), users[unit].end());
    }
    return mean_of(values, all);
  });
}

void add_figures(const DeskRouting& routing, const Marks& marks, const Marks& floor,
                 Report& report) {
  auto& figures = report.figures;
  const auto& prompts = routing.prompts;
  figures["prompt_only"] =
      with_floor(figure_by_user(prompts, marks.prompt_only), mean_of(floor.prompt_only));
  figures["with_profile"] =
      with_floor(figure_by_user(prompts, marks.with_profile), mean_of(floor.with_profile));
  double profile = 0.0;
  for (const auto& prompt : prompts) {
    profile +=
        as_number(!prompt.posterior.empty() && prompt.posterior.front().persona == prompt.persona);
  }
  figures["with_profile"].baselines["profile"] =
      profile / std::max(1.0, static_cast<double>(prompts.size()));
  figures["false_splits"] = with_floor(figure_by_user(prompts, marks.split), mean_of(floor.split));
  figures["in_scope_to_base"] =
      with_floor(figure_by_user(prompts, marks.refused), mean_of(floor.refused));
  figures["contradicting"] =
      with_floor(figure_of(marks.contradicting), mean_of(floor.contradicting));
  figures["two_part"] = with_floor(figure_of(marks.both), mean_of(floor.both));
  figures["out_of_scope_to_base"] =
      with_floor(figure_of(marks.outside_refused), mean_of(floor.outside_refused));
  if (!marks.right.empty()) {
    figures["boundary_f1"] =
        with_floor(bootstrap(marks.right.size(),
                             [&](const Indices& units) { return marks.boundary_f1(units); }),
                   floor.boundary_f1());
  }
  if (!marks.outside_strangeness.empty() && !marks.inside_strangeness.empty()) {
    const auto& outside = marks.outside_strangeness;
    figures["out_of_scope_auroc"] =
        with_floor(bootstrap(outside.size(),
                             [&](const Indices& units) {
                               std::vector<double> drawn;
                               for (const std::size_t unit : units) drawn.push_back(outside[unit]);
                               return auroc(marks.inside_strangeness, drawn);
                             }),
                   auroc(floor.inside_strangeness, floor.outside_strangeness));
  }
  for (const auto& [name, share] :
       {std::pair{"route_us_p50", 0.5}, std::pair{"route_us_p99", 0.99}}) {
    const double value = quantile(marks.microseconds, share);
    figures[name] = {.value = value, .low = value, .high = value, .baselines = {}};
  }
}

// Sums over one user's answers.
struct UserLoss {
  double own = 0.0;
  double routed = 0.0;
  double tokens = 0.0;
};

std::vector<personalize::AdapterShare> adapters_of(const Route& route) {
  std::vector<personalize::AdapterShare> adapters;
  for (const auto& share : route.parts.front().shares) {
    adapters.push_back({AdapterId(share.persona.str()), share.weight});
  }
  return adapters;
}

Result<double> score_answer(personalize::Generator& generator,
                            std::span<const personalize::Message> before,
                            std::vector<personalize::AdapterShare> adapters,
                            const std::string& answer) {
  KITH_ASSIGN_OR_RETURN(const auto scores,
                        generator.score({.messages = {before.begin(), before.end()},
                                         .adapters = std::move(adapters),
                                         .soft_prompt = nullptr,
                                         .tenant = {},
                                         .continuations = {answer}}));
  return scores.front() * static_cast<double>(generator.count_tokens(answer));
}

Result<Figure> perplexity_cost(const DeskRouting& routing, const DeskData& desk,
                               const Router& router, personalize::Generator& generator,
                               const Progress& progress) {
  std::map<std::string, const std::vector<storage::PersonaWeight>*> posterior_of;
  for (const auto& prompt : routing.prompts) posterior_of[prompt.writer] = &prompt.posterior;
  std::map<std::string, UserLoss> losses;
  double done = 0.0;
  for (const DeskConversation& conversation : desk.conversations) {
    done += 1.0 / static_cast<double>(desk.conversations.size());
    const auto posterior = posterior_of.find(conversation.user);
    if (!conversation.is_test || posterior == posterior_of.end()) continue;
    UserLoss& loss = losses[conversation.user];
    const auto& turns = conversation.turns;
    for (std::size_t i = 1; i < turns.size(); ++i) {
      if (turns[i].role != "assistant" || turns[i].content.empty()) continue;
      KITH_ASSIGN_OR_RETURN(const PromptScores scores, router.score(turns[i - 1].content));
      const Route route = router.route(scores, *posterior->second, false);
      const auto before = std::span(turns).first(i);
      const auto own = personalize::only_adapter(AdapterId(conversation.persona));
      const auto routed = adapters_of(route);
      KITH_ASSIGN_OR_RETURN(const double own_nats,
                            score_answer(generator, before, own, turns[i].content));
      double routed_nats = own_nats;
      if (routed != own) {
        KITH_ASSIGN_OR_RETURN(routed_nats,
                              score_answer(generator, before, routed, turns[i].content));
      }
      loss.own += own_nats;
      loss.routed += routed_nats;
      loss.tokens += static_cast<double>(generator.count_tokens(turns[i].content));
    }
    if (progress) progress(std::min(done, 1.0));
  }
  std::vector<UserLoss> users;
  for (const auto& [user, loss] : losses) users.push_back(loss);
  if (users.empty()) return Figure{};
  return bootstrap(users.size(), [&](const Indices& units) {
    UserLoss total;
    for (const std::size_t unit : units) {
      total.own += users[unit].own;
      total.routed += users[unit].routed;
      total.tokens += users[unit].tokens;
    }
    return std::exp((total.own - total.routed) / std::max(total.tokens, 1.0)) - 1.0;
  });
}

// Share of the knowledge base's questions whose section is the likeliest topic; one that is taken
// for none of them counts as wrong. The floor never abstains.
Result<Figure> topic_accuracy(const DeskRouting& routing, const Router& router) {
  const auto& labels = router.topic_scorer()->labels();
  KITH_ASSIGN_OR_RETURN(const LinearFloor floor, LinearFloor::train(routing.topics, labels));
  std::vector<double> own_right;
  std::vector<double> floor_right;
  for (const persona::LabelledText& question : routing.topic_questions) {
    KITH_ASSIGN_OR_RETURN(const PromptScores scores, router.score(question.text));
    own_right.push_back(
        as_number(!scores.topics.empty() && scores.topics.front().topic == question.label));
    const auto given = floor.scores(question.text);
    const auto best = std::max_element(given.begin(), given.end()) - given.begin();
    floor_right.push_back(as_number(labels[static_cast<std::size_t>(best)] == question.label));
  }
  return with_floor(figure_of(own_right), mean_of(floor_right));
}

void add_settings(const Router& router, Report& report) {
  const auto& settings = router.settings();
  char line[200];
  std::snprintf(line, sizeof(line),
                "pool: text %.2f, profile %.2f; thresholds: persona %.2f, blend %.2f, out of scope "
                "%.2f, two requests %.2f",
                settings.text_weight, settings.profile_weight, settings.threshold,
                settings.blend_threshold, settings.out_of_scope, settings.split_threshold);
  report.notes.emplace_back(line);
}

}  // namespace

Result<Report> evaluate_routing(const DeskRouting& routing, const DeskData& desk,
                                const Router& router, personalize::Generator* generator,
                                const Progress& progress) {
  Report report{.suite = "routing"};
  KITH_ASSIGN_OR_RETURN(const Router floor,
                        train_floor(routing.training, router.scorer().labels()));
  KITH_ASSIGN_OR_RETURN(const Marks marks, Marker(routing, router).run());
  KITH_ASSIGN_OR_RETURN(const Marks floor_marks, Marker(routing, floor).run());
  add_figures(routing, marks, floor_marks, report);
  if (router.topic_scorer() != nullptr) {
    KITH_ASSIGN_OR_RETURN(report.figures["topic_accuracy"], topic_accuracy(routing, router));
  }
  add_settings(router, report);
  if (generator != nullptr) {
    KITH_ASSIGN_OR_RETURN(report.figures["perplexity_cost"],
                          perplexity_cost(routing, desk, router, *generator, progress));
    KITH_ASSIGN_OR_RETURN(const Figure floor_cost,
                          perplexity_cost(routing, desk, floor, *generator, progress));
    report.figures["perplexity_cost"].baselines["floor"] = floor_cost.value;
  }
  return report;
}

}  // namespace kith::eval
