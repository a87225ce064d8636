#include "kith/persona/canary_trial.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/rng.h"

namespace kith::persona {
namespace {

// One life of a canary: users vote one after the other, half of them for each version. Returns the
// vote at which it was withdrawn, 0 if it never was.
int live(double canary_rate, double serving_rate, double share, int votes, base::Rng& rng) {
  VoteCounts canary;
  VoteCounts serving;
  for (int i = 1; i <= votes; ++i) {
    const bool is_canary = rng.uniform() < share;
    VoteCounts& counts = is_canary ? canary : serving;
    ++(rng.uniform() < (is_canary ? canary_rate : serving_rate) ? counts.down : counts.up);
    if (is_canary_worse(canary, serving)) return i;
  }
  return 0;
}

double withdrawn_share(double canary_rate, double serving_rate, double share, int votes) {
  base::Rng rng(17);
  constexpr int kLives = 400;
  int withdrawn = 0;
  for (int i = 0; i < kLives; ++i) {
    withdrawn += live(canary_rate, serving_rate, share, votes, rng) > 0 ? 1 : 0;
  }
  return static_cast<double>(withdrawn) / kLives;
}

TEST(CanaryTrialTest, ACanaryThatIsNoWorseIsRarelyWithdrawnHoweverOftenOneLooks) {
  for (const double rate : {0.05, 0.2, 0.5}) {
    EXPECT_LE(withdrawn_share(rate, rate, 0.5, 600), kCanaryErrorRate) << rate;
  }
  EXPECT_LE(withdrawn_share(0.1, 0.1, 0.1, 600), kCanaryErrorRate);
  EXPECT_EQ(withdrawn_share(0.1, 0.3, 0.5, 600), 0.0);
}

TEST(CanaryTrialTest, HarmIsFound) {
  EXPECT_GE(withdrawn_share(0.5, 0.2, 0.5, 400), 0.95);
  EXPECT_GE(withdrawn_share(0.4, 0.1, 0.25, 400), 0.95);
  EXPECT_GE(withdrawn_share(0.9, 0.1, 0.5, 60), 0.95);
}

// Both sides by numerical integration over a grid of rates.
TEST(CanaryTrialTest, EvidenceIsTheRatioThatItSays) {
  const VoteCounts canary{.up = 3, .down = 6};
  const VoteCounts serving{.up = 9, .down = 2};
  constexpr int kGrid = 1000;
  double mixture = 0.0;
  double null = 0.0;
  const auto likelihood = [](double q, const VoteCounts& votes) {
    return std::pow(q, static_cast<double>(votes.down)) *
           std::pow(1.0 - q, static_cast<double>(votes.up));
  };
  for (int i = 0; i < kGrid; ++i) {
    const double worse = (i + 0.5) / kGrid;
    null = std::max(null, likelihood(worse, canary) * likelihood(worse, serving));
    for (int j = 0; j < i; ++j) {
      mixture += likelihood(worse, canary) * likelihood((j + 0.5) / kGrid, serving);
    }
  }
  mixture *= 2.0 / (static_cast<double>(kGrid) * kGrid);
  EXPECT_NEAR(canary_log_evidence(canary, serving), std::log(mixture / null), 5e-3);
}

TEST(CanaryTrialTest, NoVotesAreNoEvidence) {
  EXPECT_EQ(canary_log_evidence({}, {}), 0.0);
  EXPECT_EQ(canary_log_evidence({}, {.up = 50, .down = 1}), 0.0);
  EXPECT_LE(canary_log_evidence({.up = 0, .down = 20}, {}), 0.0);
  EXPECT_TRUE(
      std::isfinite(canary_log_evidence({.up = 900, .down = 100}, {.up = 5000, .down = 5})));
}

TEST(CanaryTrialTest, AShareIsStableAndAsLargeAsItSays) {
  int inside = 0;
  int both = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string user = "user" + std::to_string(i);
    const bool is_in = is_in_share("t", user, "field@2", 0.1);
    EXPECT_EQ(is_in, is_in_share("t", user, "field@2", 0.1));
    EXPECT_LE(is_in, is_in_share("t", user, "field@2", 0.2));
    inside += is_in ? 1 : 0;
    both += is_in && is_in_share("t", user, "field@3", 0.1) ? 1 : 0;
  }
  EXPECT_NEAR(inside, 2000, 150);
  EXPECT_NEAR(both, 200, 60);
  EXPECT_FALSE(is_in_share("t", "u", "x", 0.0));
  EXPECT_TRUE(is_in_share("t", "u", "x", 1.0));
}

}  // namespace
}  // namespace kith::persona
