// What it says of a value that the user has met it before: films are seen once, troubles come
// again.
//
// A transformer's score of a value hardly knows whether the value stands in the timeline. So the
// trainer (kith/train/met_terms.h) fits, for each feature it predicts, numbers that are added to
// the scores of values met before: one by how many events ago it was, one by how often. They stand
// in the encoder's met_terms.json (docs/formats/timeline.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/timeline/feature_map.h"

namespace kith::timeline {

// Events that are remembered for this; what was met before them counts as not met.
inline constexpr std::size_t kMetEvents = 4096;
// By events since: 1, 2-3, 4-7, .., 512 and more.
inline constexpr std::size_t kMetRecencies = 10;
// By times: 1, 2, 3-4, 5 and more.
inline constexpr std::size_t kMetCounts = 4;

// Which of the numbers hold for a value that was met. REQUIRES: events_since, times >= 1.
std::size_t met_recency(std::size_t events_since);
std::size_t met_count(std::size_t times);

// The ids of a user's last events. Not thread-safe.
class MetValues {
 public:
  // ids: [features], as many each time
  void append(std::span<const std::int32_t> ids);
  // Of the last kMetEvents events at least, as far as there are any: [events, features].
  std::span<const std::int32_t> rows() const { return rows_; }

 private:
  std::vector<std::int32_t> rows_;
};

// Immutable; thread-safe.
class MetTerms {
 public:
  // None: scores stay as they are.
  MetTerms() = default;
  // Errors: kInvalidArgument naming what does not fit the map; kUnavailable. A file that is not
  //   there is no error: encoders of before have none.
  static Result<MetTerms> load(const std::filesystem::path& file, const FeatureMap& map);

  // Adds the terms of what was met to the scores of the feature's values.
  //   scores: [num_ids of the feature]
  void add(const MetValues& met, std::size_t feature, std::span<float> scores) const;

 private:
  struct Terms {
    std::vector<float> recency;  // [kMetRecencies]; empty: none for this feature
    std::vector<float> count;    // [kMetCounts]
  };

  std::vector<Terms> features_;  // [features], or empty
};

}  // namespace kith::timeline
