#include "kith/persona/router.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kith::persona {
namespace {

// A probability counts as at least this much in a pool.
constexpr double kMinProbability = 1e-4;

Error invalid(const std::string& what, double value) {
  return Error{ErrorCode::kInvalidArgument, what + ": " + std::to_string(value)};
}

bool is_open_share(double value) { return value > 0.0 && value < 1.0; }

Status check(const RouterSettings& settings) {
  for (const double weight : {settings.text_weight, settings.profile_weight}) {
    if (!(weight >= 0.0 && weight <= 100.0)) {
      return invalid("text_weight and profile_weight must be in [0, 100]", weight);
    }
  }
  if (!is_open_share(settings.profile_floor)) {
    return invalid("profile_floor must be in (0, 1)", settings.profile_floor);
  }
  for (const double share : {settings.threshold, settings.split_threshold}) {
    if (!is_open_share(share)) {
      return invalid("threshold and split_threshold must be in (0, 1)", share);
    }
  }
  if (!(settings.outweighs >= 0.0 && settings.outweighs <= 1.0)) {
    return invalid("outweighs must be in [0, 1]", settings.outweighs);
  }
  if (!(settings.blend_threshold > 0.0 && settings.blend_threshold <= 1.0)) {
    return invalid("blend_threshold must be in (0, 1]", settings.blend_threshold);
  }
  if (!std::isfinite(settings.out_of_scope)) {
    return invalid("out_of_scope must be finite", settings.out_of_scope);
  }
  for (const double weight : settings.border_weights) {
    if (!std::isfinite(weight)) return invalid("border weights must be finite", weight);
  }
  return {};
}

void normalise(std::vector<double>& logs) {
  const double greatest = *std::max_element(logs.begin(), logs.end());
  double total = 0.0;
  for (double& value : logs) {
    value = std::exp(value - greatest);
    total += value;
  }
  for (double& value : logs) value /= total;
}

text::Span trim(std::string_view prompt) { return segments_between(prompt, {}).front(); }

std::string_view slice(std::string_view prompt, text::Span span) {
  return prompt.substr(span.begin, span.size());
}

std::string reason_of(const Route& route) {
  switch (route.kind) {
    case RouteKind::kParts:
      return "two requests of two personas";
    case RouteKind::kBlend:
      return "two personas are likely, none alone";
    case RouteKind::kOne:
      return "one persona is likely enough";
    case RouteKind::kBase:
      break;
  }
  return route.out_of_scope > route.out_of_scope_threshold ? "out of scope"
                                                           : "no persona is likely enough";
}

}  // namespace

std::string_view to_string(RouteKind kind) {
  switch (kind) {
    case RouteKind::kOne:
      return "one";
    case RouteKind::kBlend:
      return "blend";
    case RouteKind::kParts:
      return "parts";
    case RouteKind::kBase:
      break;
  }
  return "base";
}

std::vector<DescribedBorder> describe_borders(std::string_view prompt,
                                              const BorderFeatures& weights) {
  std::vector<DescribedBorder> described;
  for (const PromptBorder& border : find_borders(prompt)) {
    described.push_back({border, describe_border(prompt, border)});
  }
  if (described.size() <= kMaxScoredBorders) return described;
  std::stable_sort(described.begin(), described.end(), [&](const auto& a, const auto& b) {
    return dot(weights, a.features) > dot(weights, b.features);
  });
  described.resize(kMaxScoredBorders);
  std::sort(described.begin(), described.end(),
            [](const auto& a, const auto& b) { return a.border.begin < b.border.begin; });
  return described;
}

Result<Router> Router::create(std::shared_ptr<const SegmentScorer> scorer, RouterSettings settings,
                              std::shared_ptr<const SegmentScorer> topics) {
  KITH_RETURN_IF_ERROR(check(settings));
  if (settings.scorer_hash != scorer->hash()) {
    return Error{ErrorCode::kConflict,
                 "the router's thresholds were calibrated on another encoder or classifier; "
                 "recalibrate them (kith train routing): " +
                     settings.scorer_hash + " instead of " + scorer->hash()};
  }
  if (scorer->labels().size() < 2) {
    return Error{ErrorCode::kInvalidArgument, "a router needs at least two personas"};
  }
  return Router(std::move(scorer), std::move(settings), std::move(topics));
}

Result<PromptScores> Router::score(std::string_view prompt) const {
  PromptScores scores;
  scores.span = trim(prompt);
  KITH_ASSIGN_OR_RETURN(scores.whole, scorer_->score(slice(prompt, scores.span)));
  // "No border" has the score 0, so its term of the normaliser is 1.
  double total = 1.0;
  for (DescribedBorder& candidate : describe_borders(prompt, settings_.border_weights)) {
    PromptScores::Split split;
    split.border = candidate.border;
    const text::Span before{scores.span.begin, candidate.border.end};
    const text::Span after{candidate.border.begin, scores.span.end};
    KITH_ASSIGN_OR_RETURN(split.before, scorer_->score(slice(prompt, before)));
    KITH_ASSIGN_OR_RETURN(split.after, scorer_->score(slice(prompt, after)));
    add_scores(split.before, split.after, scores.whole, candidate.features);
    split.score = dot(settings_.border_weights, candidate.features);
    total += std::exp(split.score);
    if (scores.best.empty() || split.score > scores.best.front().score) {
      scores.best.assign(1, std::move(split));
    }
  }
  scores.split = 1.0 - 1.0 / total;
  KITH_ASSIGN_OR_RETURN(scores.topics, score_topics(slice(prompt, scores.span)));
  if (!scores.best.empty() && scores.split >= settings_.split_threshold) {
    PromptScores::Split& best = scores.best.front();
    const text::Span before{scores.span.begin, best.border.end};
    const text::Span after{best.border.begin, scores.span.end};
    KITH_ASSIGN_OR_RETURN(best.topics_before, score_topics(slice(prompt, before)));
    KITH_ASSIGN_OR_RETURN(best.topics_after, score_topics(slice(prompt, after)));
  }
  return scores;
}

Result<std::vector<TopicScore>> Router::score_topics(std::string_view text) const {
  std::vector<TopicScore> scores;
  if (topics_ == nullptr) return scores;
  KITH_ASSIGN_OR_RETURN(const SegmentScore score, topics_->score(text));
  if (score.abstains) return scores;
  for (std::size_t i = 0; i < score.probabilities.size(); ++i) {
    scores.push_back({topics_->labels()[i], score.probabilities[i]});
  }
  std::stable_sort(scores.begin(), scores.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  return scores;
}

std::vector<double> Router::pool(const SegmentScore& score,
                                 std::span<const storage::PersonaWeight> posterior) const {
  const auto& labels = scorer_->labels();
  const double sure = *std::max_element(score.probabilities.begin(), score.probabilities.end());
  const double profile_weight = sure >= settings_.outweighs
                                    ? settings_.profile_weight
                                    : std::max(1.0, settings_.profile_weight);
  std::vector<double> logs(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double text = std::max(score.probabilities[i], kMinProbability);
    logs[i] = settings_.text_weight * std::log(text);
    if (posterior.empty()) continue;
    const auto known = std::find_if(posterior.begin(), posterior.end(), [&](const auto& weight) {
      return weight.persona.str() == labels[i];
    });
    const double profile = known == posterior.end() ? 0.0 : known->probability;
    logs[i] += profile_weight * std::log(std::max(profile, settings_.profile_floor));
  }
  normalise(logs);
  return logs;
}

RoutePart Router::make_part(text::Span span, const SegmentScore& score,
                            const std::vector<double>& pooled) const {
  RoutePart part{
      .span = span, .shares = {}, .scores = {}, .out_of_scope = score.out_of_scope, .topics = {}};
  for (std::size_t i = 0; i < pooled.size(); ++i) {
    part.scores.push_back({PersonaId(scorer_->labels()[i]), pooled[i]});
  }
  std::stable_sort(part.scores.begin(), part.scores.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  const auto& first = part.scores[0];
  const auto& second = part.scores[1];
  part.margin = first.probability - second.probability;
  if (score.out_of_scope > settings_.out_of_scope) return part;
  const double sum = first.probability + second.probability;
  if (first.probability >= settings_.threshold) {
    part.shares = {{first.persona, 1.0}};
  } else if (sum >= settings_.blend_threshold) {
    part.shares = {{first.persona, first.probability / sum},
                   {second.persona, second.probability / sum}};
  }
  return part;
}

Route Router::route(const PromptScores& scores, std::span<const storage::PersonaWeight> posterior,
                    bool allow_parts) const {
  RoutePart whole = make_part(scores.span, scores.whole, pool(scores.whole, posterior));
  whole.topics = scores.topics;
  Route route{.parts = {whole},
              .scores = whole.scores,
              .margin = whole.margin,
              .threshold = settings_.threshold,
              .out_of_scope = scores.whole.out_of_scope,
              .out_of_scope_threshold = settings_.out_of_scope,
              .split = scores.split,
              .split_threshold = settings_.split_threshold,
              .reason = {}};
  route.kind = whole.shares.empty()       ? RouteKind::kBase
               : whole.shares.size() == 1 ? RouteKind::kOne
                                          : RouteKind::kBlend;
  const bool is_split =
      allow_parts && !scores.best.empty() && scores.split >= settings_.split_threshold;
  if (is_split) {
    const auto& best = scores.best.front();
    const auto before = pool(best.before, posterior);
    const auto after = pool(best.after, posterior);
    const LabelPair pair = best_pair(before, after);
    route.kind = RouteKind::kParts;
    route.parts = {make_part({scores.span.begin, best.border.end}, best.before, before),
                   make_part({best.border.begin, scores.span.end}, best.after, after)};
    route.parts[0].topics = best.topics_before;
    route.parts[1].topics = best.topics_after;
    // The model of borders has found two personas: which ones, the pair decides together.
    const auto& labels = scorer_->labels();
    if (!route.parts[0].shares.empty()) {
      route.parts[0].shares = {{PersonaId(labels[pair.before]), 1.0}};
    }
    if (!route.parts[1].shares.empty()) {
      route.parts[1].shares = {{PersonaId(labels[pair.after]), 1.0}};
    }
    if (route.parts[0].shares == route.parts[1].shares) {
      // Both out of scope: one answer of the base model.
      route.parts = {whole};
      route.parts[0].shares.clear();
      route.kind = RouteKind::kBase;
    }
  }
  route.reason = reason_of(route);
  return route;
}

}  // namespace kith::persona
