#include "kith/tuning/encoder_trial.h"

#include <cmath>
#include <optional>
#include <span>
#include <utility>

namespace kith::tuning {
namespace {

using base::Json;
using base::OrderedJson;
using storage::TimelineEvent;

constexpr std::int64_t kMostPredictions = 20'000;
constexpr std::size_t kCutoff = 10;

// Sums over predictions.
class RankSum {
 public:
  // How many values are scored above that of `id`, the first two of `scores` being no values.
  template <typename Score>
  void add(std::span<const Score> scores, std::int32_t id) {
    const Score own = scores[static_cast<std::size_t>(id)];
    std::size_t above = 0;
    for (std::size_t i = timeline::kFirstValue; i < scores.size(); ++i) {
      if (scores[i] > own) ++above;
    }
    ++count_;
    if (above >= kCutoff) return;
    hits_ += 1.0;
    gain_ += 1.0 / std::log2(static_cast<double>(above) + 2.0);
  }

  std::int64_t count() const { return count_; }
  RankQuality mean() const {
    if (count_ == 0) return {};
    const auto n = static_cast<double>(count_);
    return {hits_ / n, gain_ / n};
  }

 private:
  std::int64_t count_ = 0;
  double hits_ = 0.0;
  double gain_ = 0.0;
};

struct FeatureSums {
  std::size_t feature = 0;
  RankSum encoder;
  RankSum popularity;
};

class Trial {
 public:
  Trial(timeline::EventEncoder& encoder, const std::vector<std::vector<std::int64_t>>& counts)
      : encoder_(encoder), counts_(counts) {
    const auto& features = encoder.map().schema().features;
    for (std::size_t i = 0; i < features.size(); ++i) {
      if (features[i].predict > 0.0)
        sums_.push_back({.feature = i, .encoder = {}, .popularity = {}});
    }
  }

  bool is_full() const { return predicted_ >= kMostPredictions; }

  Status take(const std::vector<TimelineEvent>& events) {
    KITH_ASSIGN_OR_RETURN(auto state, encoder_.start());
    std::vector<std::int32_t> ids(encoder_.map().num_features());
    for (std::size_t i = 0; i < events.size() && !is_full(); ++i) {
      if (i > 0) {
        encoder_.map().encode(events[i], events[i - 1].at, ids);
        predict(state, ids);
      }
      KITH_RETURN_IF_ERROR(encoder_.append(state, std::span(events).subspan(i, 1)));
    }
    return {};
  }

  std::vector<FeatureTrial> finish() const {
    std::vector<FeatureTrial> trials;
    for (const FeatureSums& sums : sums_) {
      trials.push_back({encoder_.map().schema().features[sums.feature].name, sums.encoder.count(),
                        sums.encoder.mean(), sums.popularity.mean()});
    }
    return trials;
  }

 private:
  void predict(const timeline::EventState& state, const std::vector<std::int32_t>& ids) {
    ++predicted_;
    for (FeatureSums& sums : sums_) {
      const std::int32_t id = ids[sums.feature];
      if (id < timeline::kFirstValue) continue;
      const std::vector<float> scores = encoder_.scores(state, sums.feature);
      sums.encoder.add(std::span<const float>(scores), id);
      sums.popularity.add(std::span<const std::int64_t>(counts_[sums.feature]), id);
    }
  }

  timeline::EventEncoder& encoder_;
  const std::vector<std::vector<std::int64_t>>& counts_;
  std::vector<FeatureSums> sums_;
  std::int64_t predicted_ = 0;
};

}  // namespace

Result<std::vector<FeatureTrial>> try_encoder(
    timeline::EventEncoder& encoder, const std::vector<std::vector<TimelineEvent>>& users,
    const std::vector<std::vector<std::int64_t>>& counts) {
  Trial trial(encoder, counts);
  for (const auto& events : users) {
    if (trial.is_full()) break;
    KITH_RETURN_IF_ERROR(trial.take(events));
  }
  return trial.finish();
}

OrderedJson to_json(const std::vector<FeatureTrial>& trials) {
  OrderedJson json = OrderedJson::object();
  for (const FeatureTrial& trial : trials) {
    json[trial.feature] = {{"events", trial.events},
                           {"hr10", trial.encoder.hit_rate_10},
                           {"ndcg10", trial.encoder.ndcg_10},
                           {"popularity_hr10", trial.popularity.hit_rate_10},
                           {"popularity_ndcg10", trial.popularity.ndcg_10}};
  }
  return json;
}

Result<storage::GateOutcome> judge_encoder(const std::string& metrics) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(metrics));
  const auto figures = json.is_object() ? json.find("next_event") : json.end();
  if (!json.is_object() || figures == json.end() || !figures->is_object()) {
    return Error{ErrorCode::kInvalidArgument, "the metrics hold no figures of next events"};
  }
  storage::GateOutcome gate{.passed = true, .document = "{}", .at = 0};
  OrderedJson checks = OrderedJson::array();
  for (auto figure = figures->begin(); figure != figures->end(); ++figure) {
    const double own = figure->value("ndcg10", 0.0);
    const double limit = figure->value("popularity_ndcg10", 0.0);
    const auto events = figure->value("events", std::int64_t{0});
    const bool passed = events > 0 && own >= limit;
    gate.passed = gate.passed && passed;
    checks.push_back({{"name", "next_event:" + figure.key()},
                      {"passed", passed},
                      {"figure", own},
                      {"limit", limit},
                      {"events", events},
                      {"reason",
                       "NDCG@10 on users who never trained, at least that of the most frequent "
                       "values"}});
  }
  gate.passed = gate.passed && !checks.empty();
  gate.document = base::dump_json(OrderedJson{{"checks", std::move(checks)}});
  return gate;
}

}  // namespace kith::tuning
