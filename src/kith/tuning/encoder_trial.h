// How well a user encoder tells what users do next who never trained it, beside what needs no
// encoder: the values that are most frequent. The encoder is the one in service, event by event.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/storage/adapter_version_store.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/event_encoder.h"

namespace kith::tuning {

// Share of next values among the ten likeliest, and their NDCG@10, over a whole vocabulary.
struct RankQuality {
  double hit_rate_10 = 0.0;
  double ndcg_10 = 0.0;
};

struct FeatureTrial {
  std::string feature;
  std::int64_t events = 0;  // that were predicted
  RankQuality encoder;
  RankQuality popularity;
};

// Predicts each event but the first of `users` from those before it, of each feature that the
// schema predicts; missing and unknown values are left out. At most 20,000 events.
//   counts: of the training events, see timeline::count_ids()
// Errors: those of EventEncoder::append().
Result<std::vector<FeatureTrial>> try_encoder(
    timeline::EventEncoder& encoder, const std::vector<std::vector<storage::TimelineEvent>>& users,
    const std::vector<std::vector<std::int64_t>>& counts);

// {FEATURE: {"events","hr10","ndcg10","popularity_hr10","popularity_ndcg10"}}.
base::OrderedJson to_json(const std::vector<FeatureTrial>& trials);

// The gate of a version with such figures in its metrics' member `next_event`: of each predicted
// feature, the encoder's NDCG@10 is at least that of the most frequent values.
//   metrics: JSON; returns: with a document of the checks, {"checks":[{"name","passed",...}]}
// Errors: kInvalidArgument without figures.
Result<storage::GateOutcome> judge_encoder(const std::string& metrics);

}  // namespace kith::tuning
