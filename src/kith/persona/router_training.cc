#include "kith/persona/router_training.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "kith/base/rng.h"
#include "kith/storage/digest.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::persona {
namespace {

using Scorer = std::shared_ptr<const SegmentScorer>;

// Joined prompts of two personas, and of one, for each written text.
constexpr std::size_t kJoinsPerText = 2;
// Weights of the profile that are tried.
constexpr double kProfileStep = 0.05;
constexpr int kProfileSteps = 20;
// And probabilities from which a text may outweigh it: one that is less sure says too little to
// speak against what is known of the user.
constexpr double kOutweighStep = 0.05;
constexpr int kFirstOutweigh = 12;
constexpr int kLastOutweigh = 19;

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; }

bool has_han(std::string_view text) {
  bool found = false;
  text::for_each_code_point(
      text, [&](char32_t c, std::size_t, std::size_t) { found |= text::is_han(c); });
  return found;
}

bool is_likeliest(const std::vector<storage::PersonaWeight>& scores, const PersonaId& persona) {
  return !scores.empty() && scores.front().persona == persona;
}

bool answers(const RoutePart& part, const PersonaId& persona) {
  return !part.shares.empty() && part.shares.front().persona == persona;
}

// The value below which a share of the values lies.
double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::ceil(share * last))];
}

// A written text with the scorer that did not learn from its writer.
struct HeldOut {
  const RouterText* text = nullptr;
  std::size_t fold = 0;
};

class RouterTrainer {
 public:
  RouterTrainer(const RouterTrainingData& data, const ScorerTrainer& train,
                const RouterTrainingOptions& options)
      : data_(data), train_(train), options_(options) {}

  Result<TrainedRouter> run() {
    KITH_RETURN_IF_ERROR(check());
    draw_folds();
    KITH_RETURN_IF_ERROR(train_scorers());
    settings_.scorer_hash = scorer_->hash();
    KITH_RETURN_IF_ERROR(fit_border_model());
    KITH_RETURN_IF_ERROR(score_held_out());
    choose_thresholds();
    KITH_RETURN_IF_ERROR(choose_profile_weight());
    KITH_RETURN_IF_ERROR(measure());
    return TrainedRouter{make_card(), scorer_};
  }

 private:
  Status check() const {
    if (options_.folds < 2 || options_.folds > 16) return invalid("folds must be in [2, 16]");
    for (const double share : {options_.false_splits, options_.false_refusals}) {
      if (!(share > 0.0 && share < 0.5)) {
        return invalid("false_splits and false_refusals must be in (0, 0.5)");
      }
    }
    std::set<std::string> writers;
    std::set<PersonaId> personas;
    for (const RouterText& text : data_.texts) {
      personas.insert(text.persona);
      if (!text.writer.empty()) writers.insert(text.writer);
    }
    if (personas.size() < 2) return invalid("a router needs texts of at least two personas");
    if (writers.size() < 2 * options_.folds) {
      return invalid("a router needs texts of at least " + std::to_string(2 * options_.folds) +
                     " writers: " + std::to_string(writers.size()));
    }
    return {};
  }

  // Writers of each persona are dealt to the folds in turn, in an order drawn by the seed.
  void draw_folds() {
    std::map<PersonaId, std::vector<std::string>> writers;
    std::map<std::string, std::size_t> fold_of;
    for (const RouterText& text : data_.texts) {
      if (text.writer.empty() || !fold_of.emplace(text.writer, 0).second) continue;
      writers[text.persona].push_back(text.writer);
    }
    base::Rng rng(options_.seed);
    std::size_t next = 0;
    for (auto& [persona, names] : writers) {
      for (std::size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[rng.below(i)]);
      for (const std::string& name : names) fold_of[name] = next++ % options_.folds;
    }
    for (const RouterText& text : data_.texts) {
      if (!text.writer.empty()) held_out_.push_back({&text, fold_of[text.writer]});
    }
    fold_of_ = std::move(fold_of);
    describe_development();
  }

  // A development prompt and a strange text are dealt to the folds by their places.
  std::size_t dealt_fold(std::size_t place) const { return place % options_.folds; }

  // What development prompts ask, request by request.
  void describe_development() {
    for (std::size_t i = 0; i < data_.contradicting.size(); ++i) {
      const ContradictingPrompt& prompt = data_.contradicting[i];
      requests_.push_back({prompt.text, prompt.need, "contradicting " + std::to_string(i), {}});
      request_folds_.push_back(dealt_fold(i));
    }
    for (std::size_t i = 0; i < data_.two_part.size(); ++i) {
      const auto& [joined, before, after] = data_.two_part[i];
      const std::string writer = "two-part " + std::to_string(i);
      requests_.push_back({joined.text.substr(0, joined.end), before, writer, {}});
      requests_.push_back({joined.text.substr(joined.begin), after, writer, {}});
      request_folds_.insert(request_folds_.end(), 2, dealt_fold(i));
    }
  }

  std::vector<LabelledText> texts_without(std::optional<std::size_t> fold) const {
    std::vector<LabelledText> texts;
    for (const RouterText& text : data_.texts) {
      const auto it = fold_of_.find(text.writer);
      const bool is_left_out = fold && it != fold_of_.end() && it->second == *fold;
      if (!is_left_out) texts.push_back({text.text, text.persona.str(), text.writer});
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (fold == request_folds_[i]) continue;
      const RouterText& request = requests_[i];
      texts.push_back({request.text, request.persona.str(), request.writer});
    }
    for (std::size_t i = 0; i < data_.out_of_scope.size(); ++i) {
      if (fold != dealt_fold(i)) texts.push_back({data_.out_of_scope[i], ""});
    }
    return texts;
  }

  Status train_scorers() {
    const auto total = static_cast<double>(options_.folds + 2);
    for (std::size_t fold = 0; fold < options_.folds; ++fold) {
      KITH_ASSIGN_OR_RETURN(auto scorer, train_(texts_without(fold)));
      fold_scorers_.push_back(std::move(scorer));
      say(static_cast<double>(fold + 1) / total);
    }
    KITH_ASSIGN_OR_RETURN(scorer_, train_(texts_without(std::nullopt)));
    say(static_cast<double>(options_.folds + 1) / total);
    return {};
  }

  Result<BorderExample> make_example(const std::string& prompt, const SegmentScorer& scorer,
                                     const JoinedPrompt* seam) const {
    BorderExample example;
    KITH_ASSIGN_OR_RETURN(const SegmentScore whole, scorer.score(prompt));
    for (DescribedBorder& described : describe_borders(prompt, settings_.border_weights)) {
      const std::string_view text = prompt;
      KITH_ASSIGN_OR_RETURN(const auto before, scorer.score(text.substr(0, described.border.end)));
      KITH_ASSIGN_OR_RETURN(const auto after, scorer.score(text.substr(described.border.begin)));
      add_scores(before, after, whole, described.features);
      if (seam != nullptr && is_seam(described.border, *seam)) {
        example.truth = example.borders.size();
      }
      example.borders.push_back(described.features);
    }
    return example;
  }

  // A joined prompt whose seam is no candidate (nothing marks it) teaches nothing.
  Status add_joined(const HeldOut& first, const HeldOut& second, std::uint64_t draw,
                    std::vector<BorderExample>& examples) const {
    const JoinedPrompt joined = join_prompts(first.text->text, second.text->text, draw);
    const bool is_pair = first.text->persona != second.text->persona;
    KITH_ASSIGN_OR_RETURN(auto example, make_example(joined.text, *fold_scorers_[first.fold],
                                                     is_pair ? &joined : nullptr));
    if (!is_pair || example.truth) examples.push_back(std::move(example));
    return {};
  }

  Status fit_border_model() {
    std::vector<BorderExample> examples;
    std::vector<std::vector<HeldOut>> by_fold(options_.folds);
    for (const HeldOut& held : held_out_) {
      KITH_ASSIGN_OR_RETURN(auto example,
                            make_example(held.text->text, *fold_scorers_[held.fold], nullptr));
      examples.push_back(std::move(example));
      if (!has_han(held.text->text)) by_fold[held.fold].push_back(held);
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      by_fold[request_folds_[i]].push_back({&requests_[i], request_folds_[i]});
    }
    base::Rng rng(options_.seed + 1);
    for (const auto& fold : by_fold) {
      for (std::size_t i = 0; i < kJoinsPerText * fold.size(); ++i) {
        const HeldOut& first = fold[rng.below(fold.size())];
        const HeldOut& second = fold[rng.below(fold.size())];
        KITH_RETURN_IF_ERROR(add_joined(first, second, rng(), examples));
      }
    }
    settings_.border_weights = fit_borders(examples).weights;
    return {};
  }

  // By the scorer that did not learn from the text.
  Result<PromptScores> score(const std::string& text, std::size_t fold) const {
    RouterSettings settings = settings_;
    settings.scorer_hash = fold_scorers_[fold]->hash();
    KITH_ASSIGN_OR_RETURN(const Router router, Router::create(fold_scorers_[fold], settings));
    return router.score(text);
  }

  // What is measured here needs no thresholds.
  Status score_held_out() {
    for (const HeldOut& held : held_out_) {
      KITH_ASSIGN_OR_RETURN(auto scores, score(held.text->text, held.fold));
      held_out_scores_.push_back(std::move(scores));
    }
    for (std::size_t i = 0; i < data_.contradicting.size(); ++i) {
      KITH_ASSIGN_OR_RETURN(auto scores, score(data_.contradicting[i].text, dealt_fold(i)));
      contradicting_scores_.push_back(std::move(scores));
    }
    for (std::size_t i = 0; i < data_.two_part.size(); ++i) {
      KITH_ASSIGN_OR_RETURN(auto scores, score(data_.two_part[i].prompt.text, dealt_fold(i)));
      two_part_scores_.push_back(std::move(scores));
    }
    for (std::size_t i = 0; i < data_.out_of_scope.size(); ++i) {
      KITH_ASSIGN_OR_RETURN(auto scores, score(data_.out_of_scope[i], dealt_fold(i)));
      strange_scores_.push_back(std::move(scores));
    }
    return {};
  }

  void choose_thresholds() {
    std::vector<double> splits;
    std::vector<double> strangeness;
    for (const PromptScores& scores : held_out_scores_) {
      splits.push_back(scores.split);
      strangeness.push_back(scores.whole.out_of_scope);
    }
    settings_.split_threshold =
        std::clamp(std::nextafter(quantile(splits, 1.0 - options_.false_splits), 2.0), 0.05, 0.999);
    // Development prompts are in scope too, and of more kinds.
    for (const PromptScores& scores : contradicting_scores_) {
      strangeness.push_back(scores.whole.out_of_scope);
    }
    settings_.out_of_scope = quantile(strangeness, 1.0 - options_.false_refusals);
  }

  Status choose_profile_weight() {
    if (data_.contradicting.empty()) return {};
    double best = -1.0;
    RouterSettings chosen = settings_;
    for (int i = 0; i <= kProfileSteps; ++i) {
      for (int k = kFirstOutweigh; k <= kLastOutweigh; ++k) {
        settings_.profile_weight = kProfileStep * i;
        settings_.outweighs = kOutweighStep * k;
        KITH_ASSIGN_OR_RETURN(const Router router, Router::create(scorer_, settings_));
        const double quality = ordinary_accuracy(router, true) + contradicting_accuracy(router);
        // Of equals the greater: what is known of the user is worth more than a tie.
        if (quality < best) continue;
        best = quality;
        chosen = settings_;
      }
    }
    settings_ = chosen;
    return {};
  }

  // The pool is that of the settings; the scores are out of fold.
  double ordinary_accuracy(const Router& router, bool knows_user) const {
    double right = 0.0;
    for (std::size_t i = 0; i < held_out_.size(); ++i) {
      const RouterText& text = *held_out_[i].text;
      const auto route = router.route(
          held_out_scores_[i],
          knows_user ? std::span(text.posterior) : std::span<const storage::PersonaWeight>(),
          false);
      right += is_likeliest(route.scores, text.persona) ? 1.0 : 0.0;
    }
    return right / static_cast<double>(held_out_.size());
  }

  double contradicting_accuracy(const Router& router) const {
    double right = 0.0;
    for (std::size_t i = 0; i < data_.contradicting.size(); ++i) {
      const ContradictingPrompt& prompt = data_.contradicting[i];
      const auto route = router.route(contradicting_scores_[i], prompt.posterior, false);
      right += is_likeliest(route.scores, prompt.need) ? 1.0 : 0.0;
    }
    return right / static_cast<double>(data_.contradicting.size());
  }

  Status measure() {
    KITH_ASSIGN_OR_RETURN(const Router router, Router::create(scorer_, settings_));
    figures_["accuracy"] = ordinary_accuracy(router, false);
    figures_["accuracy_with_profile"] = ordinary_accuracy(router, true);
    double splits = 0.0;
    double refused = 0.0;
    for (const PromptScores& scores : held_out_scores_) {
      splits += scores.split >= settings_.split_threshold ? 1.0 : 0.0;
      refused += scores.whole.out_of_scope > settings_.out_of_scope ? 1.0 : 0.0;
    }
    const auto count = static_cast<double>(held_out_scores_.size());
    figures_["false_splits"] = splits / count;
    figures_["false_refusals"] = refused / count;
    if (!data_.contradicting.empty()) {
      figures_["contradicting_accuracy"] = contradicting_accuracy(router);
    }
    if (!data_.two_part.empty()) {
      figures_["boundary_f1"] = boundary_f1();
      figures_["two_part"] = two_part_accuracy(router);
    }
    if (!strange_scores_.empty()) {
      const auto recognised = std::count_if(
          strange_scores_.begin(), strange_scores_.end(), [this](const PromptScores& scores) {
            return scores.whole.out_of_scope > settings_.out_of_scope;
          });
      figures_["out_of_scope_recall"] =
          static_cast<double>(recognised) / static_cast<double>(strange_scores_.size());
    }
    return {};
  }

  double boundary_f1() const {
    double found = 0.0;
    double right = 0.0;
    for (std::size_t i = 0; i < data_.two_part.size(); ++i) {
      const PromptScores& scores = two_part_scores_[i];
      if (scores.split < settings_.split_threshold || scores.best.empty()) continue;
      found += 1.0;
      right += is_seam(scores.best.front().border, data_.two_part[i].prompt) ? 1.0 : 0.0;
    }
    return 2.0 * right / (found + static_cast<double>(data_.two_part.size()));
  }

  // Prompts parted at the right place whose parts both go to the right persona.
  double two_part_accuracy(const Router& router) const {
    double right = 0.0;
    for (std::size_t i = 0; i < data_.two_part.size(); ++i) {
      const auto& [joined, before, after] = data_.two_part[i];
      const Route route = router.route(two_part_scores_[i], {});
      if (route.parts.size() != 2 || !is_seam(two_part_scores_[i].best.front().border, joined)) {
        continue;
      }
      right += answers(route.parts[0], before) && answers(route.parts[1], after) ? 1.0 : 0.0;
    }
    return right / static_cast<double>(data_.two_part.size());
  }

  RouterCard make_card() const {
    RouterCard card;
    card.settings = settings_;
    card.num_texts = data_.texts.size() + requests_.size() + data_.out_of_scope.size();
    std::string all;
    for (const RouterText& text : data_.texts) {
      all = storage::digest({all, text.persona.str(), text.text});
    }
    for (const RouterText& text : requests_) {
      all = storage::digest({all, text.persona.str(), text.text});
    }
    for (const std::string& text : data_.out_of_scope) all = storage::digest({all, text});
    card.data_hash = all;
    card.figures = figures_;
    return card;
  }

  void say(double share) const {
    if (options_.progress) options_.progress(share);
  }

  const RouterTrainingData& data_;
  const ScorerTrainer& train_;
  const RouterTrainingOptions& options_;
  RouterSettings settings_;
  std::map<std::string, std::size_t> fold_of_;
  std::vector<HeldOut> held_out_;
  std::vector<RouterText> requests_;  // of development prompts
  std::vector<std::size_t> request_folds_;
  std::vector<Scorer> fold_scorers_;
  Scorer scorer_;
  std::vector<PromptScores> held_out_scores_;
  std::vector<PromptScores> contradicting_scores_;
  std::vector<PromptScores> two_part_scores_;
  std::vector<PromptScores> strange_scores_;
  std::map<std::string, double> figures_;
};

}  // namespace

Result<TrainedRouter> train_router(const RouterTrainingData& data, const ScorerTrainer& train,
                                   const RouterTrainingOptions& options) {
  return RouterTrainer(data, train, options).run();
}

}  // namespace kith::persona
