// Which persona's model answers which part of a prompt.
//
// Method. The prompt is scored as a whole, and both sides of its likeliest borders
// (prompt_segments.h) with it. A conditional logit (McFadden 1974) over the borders and "no border"
// decides whether the prompt holds two requests of two personas and where they part. What the text
// says of a part is combined with what is known of the user in a log-linear pool (Genest and Zidek
// 1986),
//   q(persona) ~ P(persona | text)^a * P(persona | user)^b,
// whose weights are tuned so that a prompt outweighs the profile when it contradicts it. A part
// whose text is out of scope, or whose pool is unsure, goes to the base model. ADR 17; the file is
// docs/formats/router.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/persona/border_features.h"
#include "kith/persona/prompt_segments.h"
#include "kith/persona/segment_scorer.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

// What was calibrated on the scores of one scorer and holds for that one alone.
struct RouterSettings {
  // SegmentScorer::hash() of the scorer whose scores these numbers are for.
  std::string scorer_hash;
  // Exponents of the pool, >= 0: of what the text says, and of what is known of the user.
  double text_weight = 1.0;
  double profile_weight = 0.3;
  // A text whose likeliest persona is less probable than this does not outweigh the profile, which
  // then counts in full; in [0, 1].
  double outweighs = 0.0;
  // A persona that the profile excludes counts as this likely, in (0, 1).
  double profile_floor = 0.02;
  // Pooled probability from which one persona answers alone, in (0, 1).
  double threshold = 0.5;
  // From this sum of the two likeliest on they answer together, in (0, 1]; below, the base model.
  double blend_threshold = 0.75;
  // Text whose out-of-scope score is above this is nobody's. Finite.
  double out_of_scope = 0.0;
  // Probability of "two requests" from which a prompt is parted, in (0, 1).
  double split_threshold = 0.5;
  // Of the model of borders; "no border" has the score 0.
  BorderFeatures border_weights{};
};

enum class RouteKind : std::uint8_t { kBase, kOne, kBlend, kParts };
std::string_view to_string(RouteKind kind);

// A persona that answers and its share; shares of a part sum to 1.
struct RouteShare {
  PersonaId persona;
  double weight = 1.0;

  friend bool operator==(const RouteShare&, const RouteShare&) = default;
};

// What a text is about, and how likely.
struct TopicScore {
  std::string topic;
  double probability = 0.0;

  friend bool operator==(const TopicScore&, const TopicScore&) = default;
};

// A piece of the prompt and who answers it.
struct RoutePart {
  text::Span span;  // bytes of the prompt
  // Most first; empty: the base model.
  std::vector<RouteShare> shares;
  // The pool, likeliest first.
  std::vector<storage::PersonaWeight> scores;
  double margin = 0.0;  // between the two likeliest
  double out_of_scope = 0.0;
  // Likeliest first; empty: the router knows no topics, or the text is about none of them.
  std::vector<TopicScore> topics;
};

struct Route {
  RouteKind kind = RouteKind::kBase;
  // One, or two for kParts, in the order of the prompt.
  std::vector<RoutePart> parts;
  // The pool of the prompt as a whole, likeliest first, and the margin between the first two.
  std::vector<storage::PersonaWeight> scores;
  double margin = 0.0;
  // What `scores` had to reach for one persona to answer alone.
  double threshold = 0.0;
  // Of the whole prompt, and what it must not exceed.
  double out_of_scope = 0.0;
  double out_of_scope_threshold = 0.0;
  // That the prompt holds two requests, and what it had to reach.
  double split = 0.0;
  double split_threshold = 0.0;
  // In words, without any of the prompt.
  std::string reason;
};

// What the prompt alone says; no user has entered it.
struct PromptScores {
  struct Split {
    PromptBorder border;
    SegmentScore before;
    SegmentScore after;
    double score = 0.0;  // of the model of borders
    // Only where the prompt holds two requests.
    std::vector<TopicScore> topics_before;
    std::vector<TopicScore> topics_after;
  };

  SegmentScore whole;
  std::vector<TopicScore> topics;
  text::Span span;  // the prompt without surrounding white space
  // The best border, if there is any.
  std::vector<Split> best;
  // Probability that the prompt holds two requests.
  double split = 0.0;
};

// Immutable; thread-safe.
class Router {
 public:
  // `topics` scores the same pieces against topics; null: the router knows none. Topics are told,
  // to the client and in the decision; who answers does not depend on them.
  // Errors: kConflict if the settings were calibrated on another scorer, which says to recalibrate;
  //   kInvalidArgument for a setting outside its range.
  static Result<Router> create(std::shared_ptr<const SegmentScorer> scorer, RouterSettings settings,
                               std::shared_ptr<const SegmentScorer> topics = nullptr);

  const RouterSettings& settings() const { return settings_; }
  const SegmentScorer& scorer() const { return *scorer_; }
  // Null: none.
  const SegmentScorer* topic_scorer() const { return topics_.get(); }

  // Scores the prompt and at most kMaxScoredBorders borders.
  // Errors: those of the scorer.
  Result<PromptScores> score(std::string_view prompt) const;

  // Combines the scores with the user's posterior, which may be empty (nothing is known), name
  // personas in any order and leave some out. Takes microseconds.
  //   allow_parts: whether the prompt may be parted in two
  Route route(const PromptScores& scores, std::span<const storage::PersonaWeight> posterior,
              bool allow_parts = true) const;

 private:
  Router(std::shared_ptr<const SegmentScorer> scorer, RouterSettings settings,
         std::shared_ptr<const SegmentScorer> topics)
      : scorer_(std::move(scorer)), topics_(std::move(topics)), settings_(std::move(settings)) {}

  Result<std::vector<TopicScore>> score_topics(std::string_view text) const;

  std::vector<double> pool(const SegmentScore& score,
                           std::span<const storage::PersonaWeight> posterior) const;
  RoutePart make_part(text::Span span, const SegmentScore& score,
                      const std::vector<double>& pooled) const;

  std::shared_ptr<const SegmentScorer> scorer_;
  std::shared_ptr<const SegmentScorer> topics_;
  RouterSettings settings_;
};

// Borders that are scored: those that look most like one, so that a long prompt costs no more.
inline constexpr std::size_t kMaxScoredBorders = 6;

// The borders of a prompt worth scoring, in its order, with the features that need no scores.
struct DescribedBorder {
  PromptBorder border;
  BorderFeatures features{};
};
std::vector<DescribedBorder> describe_borders(std::string_view prompt,
                                              const BorderFeatures& weights);

}  // namespace kith::persona
