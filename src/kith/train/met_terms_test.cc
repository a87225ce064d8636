#include "kith/train/met_terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/train/test_timelines.h"

namespace kith::train {
namespace {

constexpr std::size_t kIds = 42;
using Kinds = std::unordered_map<std::int32_t, std::int64_t>;

// Draws what comes from softmax(scores + terms), so that the terms are the truth to be found.
std::int32_t drawn(const std::vector<float>& scores, const Kinds& kinds, const MetTerms& truth,
                   base::Rng& rng) {
  std::vector<double> shares(kIds, 0.0);
  double total = 0.0;
  for (std::size_t id = 2; id < kIds; ++id) {
    const auto met = kinds.find(static_cast<std::int32_t>(id));
    const double term = met == kinds.end() ? 0.0 : truth.of(met->second);
    total += shares[id] = std::exp(static_cast<double>(scores[id]) + term);
  }
  double left = rng.uniform() * total;
  for (std::size_t id = 2; id < kIds; ++id) {
    left -= shares[id];
    if (left < 0.0) return static_cast<std::int32_t>(id);
  }
  return kIds - 1;
}

TEST(MetTermsFitTest, FindsTheTermsThatMadeTheCases) {
  MetTerms truth;
  truth.recency[0] = 2.5;
  truth.recency[1] = -2.0;
  truth.count[0] = 0.5;
  truth.count[1] = 1.5;
  base::Rng rng(7);
  MetTermsFit fit;
  for (int i = 0; i < 4000; ++i) {
    std::vector<float> scores(kIds);
    for (float& score : scores) score = static_cast<float>(2.0 * rng.uniform());
    Kinds kinds;
    for (int m = 0; m < 6; ++m) {
      const auto id = static_cast<std::int32_t>(2 + rng.below(kIds - 2));
      kinds[id] = static_cast<std::int64_t>(rng.below(2) * kMetCounts + rng.below(2));
    }
    fit.add(scores, kinds, drawn(scores, kinds, truth, rng));
  }
  const MetTerms found = fit.fit();
  // Only the sums of a recency and a count are decided.
  for (const std::int64_t kind : {0L, 1L, kMetCounts, kMetCounts + 1}) {
    EXPECT_NEAR(found.of(kind), truth.of(kind), 0.25) << kind;
  }
  EXPECT_NEAR(found.recency[5], 0.0, 1e-6);
}

TEST(MetTermsFitTest, WhatNeverComesAgainIsHeldDownAndFinite) {
  base::Rng rng(8);
  MetTermsFit fit;
  for (int i = 0; i < 500; ++i) {
    const std::vector<float> scores(kIds, 0.0F);
    const auto right = static_cast<std::int32_t>(12 + rng.below(30));
    Kinds kinds;
    for (std::int32_t id = 2; id < 12; ++id) kinds[id] = id % 3 * kMetCounts;
    fit.add(scores, kinds, right);
  }
  const MetTerms found = fit.fit();
  EXPECT_LT(found.of(0), -4.0);
  EXPECT_GT(found.of(0), -40.0);
}

TEST(MetTermsFitTest, NoCaseIsNoTerm) {
  const MetTerms found = MetTermsFit().fit();
  EXPECT_THAT(found.recency, testing::Each(0.0));
}

TEST(MetKindsTest, CountsEventsSinceAndTimes) {
  TestTimelines made;
  made.add({{7, 2}, {5, 2}, {0, 3}, {5, 2}, {1, 2}, {9, 2}});
  const base::TestDirectory dir;
  made.write(dir.path(), {{"item", 12, 1.0}, {"kind", 5, 0.0}});
  const auto data = TimelineData::open(dir.path());
  ASSERT_TRUE(data) << data.error().message;
  // Before the sixth event: 7 five events ago, 5 two ago and twice; neither missing nor unknown.
  EXPECT_THAT(met_kinds(*data, 0, 5, 0),
              testing::UnorderedElementsAre(testing::Pair(7, 2 * kMetCounts),
                                            testing::Pair(5, 1 * kMetCounts + 1)));
}

}  // namespace
}  // namespace kith::train
