// How well an encoder ranks what came next: validation of the user encoder.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kith/train/met_terms.h"
#include "kith/train/timeline_data.h"
#include "kith/train/timeline_model.h"
#include "kith/train/trainer.h"

namespace kith::train {

struct RankedFeature {
  // The name is left empty.
  RankFigure figure;
  MetTerms terms;
};

// Ranks the values of the events that are held out, given the `window` events before it, by the
// scores and the terms of what they met, which are fitted on the same events.
RankedFeature rank_last_events(const TimelineModel& model, const TimelineData& data,
                               std::int64_t window, std::size_t feature);

// Of all features that are predicted, as far as last events have them.
struct TimelineRanks {
  std::vector<RankFigure> figures;
  std::vector<std::pair<std::string, MetTerms>> terms;
  // The mean of the features' NDCG@10 by their weights: what the best weights of a run are chosen
  // by.
  double score = 0.0;
};

// REQUIRES: the model's dropout is off.
TimelineRanks rank_features(const TimelineModel& model, const TimelineData& data,
                            std::int64_t window);

}  // namespace kith::train
