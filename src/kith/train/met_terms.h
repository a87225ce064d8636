// Fits what is added to the scores of values that a user has met before, by how many events ago and
// how often (kith/timeline/met_terms.h adds them when the encoder serves).
//
// Method: the maximum a posteriori estimate of a conditional logit whose utilities are the
// encoder's scores plus the terms, with a normal prior of mean 0 on each. The terms depend on a
// value's kind of meeting alone, so each case counts by one log-sum of scores for each kind; the
// problem is convex and has some ten parameters: Newton's method.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/timeline_data.h"

namespace kith::train {

// As kith/timeline/met_terms.h has them; a test holds the two together.
inline constexpr std::int64_t kMetEvents = 4096;
inline constexpr std::int64_t kMetRecencies = 10;
inline constexpr std::int64_t kMetCounts = 4;
// Kinds of meeting: recency * kMetCounts + count.
inline constexpr std::int64_t kMetKinds = kMetRecencies * kMetCounts;

struct MetTerms {
  std::vector<double> recency = std::vector<double>(kMetRecencies, 0.0);
  std::vector<double> count = std::vector<double>(kMetCounts, 0.0);

  double of(std::int64_t kind) const {
    return recency[static_cast<std::size_t>(kind / kMetCounts)] +
           count[static_cast<std::size_t>(kind % kMetCounts)];
  }
};

// The kind of meeting of each value of `feature` that stands in the user's first `num_events`
// events.
std::unordered_map<std::int32_t, std::int64_t> met_kinds(const TimelineData& data,
                                                         std::int64_t user, std::int64_t num_events,
                                                         std::size_t feature);

// Not thread-safe.
class MetTermsFit {
 public:
  // One case.
  //   scores: [num_ids], the encoder's, of which the first two are no values
  //   right: the value that came, at least 2
  void add(std::span<const float> scores,
           const std::unordered_map<std::int32_t, std::int64_t>& kinds, std::int32_t right);
  // Zeros without a case.
  MetTerms fit() const;

 private:
  std::vector<double> log_sums_;      // [cases, kMetKinds + 1], last of what was not met
  std::vector<std::int64_t> rights_;  // [cases]: kind of the value that came
};

// {FEATURE: {"recency": [..], "count": [..]}}. Errors: kUnavailable.
Status save_met_terms(const std::vector<std::pair<std::string, MetTerms>>& terms,
                      const std::filesystem::path& file);

}  // namespace kith::train
