#include "kith/persona/user_cap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kith/base/rng.h"

namespace kith::persona {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

UserCap cap_of(const std::vector<double>& tokens, double share, double boost = 1e9) {
  const auto cap = cap_users(tokens, {.max_share = share, .max_boost = boost});
  EXPECT_TRUE(cap) << cap.error().message;
  return cap ? *cap : UserCap{};
}

// By hand: T = 10, cap 0.4. Of shares 0.6, 0.3, 0.1 the first is held to 0.4; the others keep 3 : 1
// of the remaining 0.6.
TEST(UserCapTest, SpreadsWhatIsCutOverTheOthers) {
  const UserCap cap = cap_of({6, 3, 1}, 0.4);
  EXPECT_FALSE(cap.is_relaxed);
  // 0.45 for the second is above the cap as well, so it is held too: 0.4, 0.4, 0.2.
  EXPECT_THAT(cap.shares,
              ElementsAre(DoubleNear(0.4, 1e-12), DoubleNear(0.4, 1e-12), DoubleNear(0.2, 1e-12)));
  EXPECT_EQ(cap.num_capped, 2U);
  EXPECT_THAT(cap.weights, ElementsAre(DoubleNear(0.4 * 10 / 6, 1e-12),
                                       DoubleNear(0.4 * 10 / 3, 1e-12), DoubleNear(2.0, 1e-12)));
  EXPECT_NEAR(cap.effective_users, 1.0 / 0.36, 1e-9);
}

TEST(UserCapTest, LeavesWhoIsBelowAlone) {
  const UserCap cap = cap_of({1, 2, 2}, 0.5);
  EXPECT_THAT(cap.weights,
              ElementsAre(DoubleNear(1, 1e-12), DoubleNear(1, 1e-12), DoubleNear(1, 1e-12)));
  EXPECT_EQ(cap.num_capped, 0U);
}

TEST(UserCapTest, TooFewUsersShareEqually) {
  const UserCap cap = cap_of({5, 1, 3, 1}, 0.02);
  EXPECT_TRUE(cap.is_relaxed);
  for (const double share : cap.shares) EXPECT_NEAR(share, 0.25, 1e-12);
}

// Two users, one with a hundredth of the words: equal shares would weigh each of these 50-fold.
// With a boost of at most 2 the cap is 1 - 2 / 101.
TEST(UserCapTest, NobodyIsMadeLouderThanTheBoostAllows) {
  const UserCap cap = cap_of({100, 1}, 0.02, 2.0);
  EXPECT_TRUE(cap.is_relaxed);
  EXPECT_NEAR(cap.share, 1.0 - 2.0 / 101.0, 1e-12);
  EXPECT_NEAR(cap.weights[1], 2.0, 1e-9);
}

TEST(UserCapTest, HoldsForAnyUsers) {
  base::Rng rng(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> tokens(1 + rng.below(200));
    for (double& amount : tokens)
      amount = 1.0 + static_cast<double>(rng.below(1 + rng.below(5000)));
    const double asked = 0.001 + rng.uniform() * 0.2;
    const UserCap cap = cap_of(tokens, asked, 4.0);
    const double total = std::accumulate(tokens.begin(), tokens.end(), 0.0);
    EXPECT_NEAR(std::accumulate(cap.shares.begin(), cap.shares.end(), 0.0), 1.0, 1e-9);
    EXPECT_GE(cap.share, asked - 1e-12);
    double mean = 0.0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_LE(cap.shares[i], cap.share + 1e-9);
      EXPECT_LE(cap.weights[i], 4.0 + 1e-6);
      EXPECT_GT(cap.weights[i], 0.0);
      mean += cap.weights[i] * tokens[i] / total;
      // More words never mean less say.
      for (std::size_t j = 0; j < i; j += 17) {
        if (tokens[i] > tokens[j]) {
          EXPECT_GE(cap.shares[i], cap.shares[j] - 1e-12);
        }
      }
    }
    EXPECT_NEAR(mean, 1.0, 1e-9);
  }
}

TEST(UserCapTest, RefusesWhatCannotBeWeighed) {
  EXPECT_FALSE(cap_users({}, {}));
  EXPECT_FALSE(cap_users(std::vector<double>{1, 0}, {}));
  EXPECT_FALSE(cap_users(std::vector<double>{1}, {.max_share = 0}));
  EXPECT_FALSE(cap_users(std::vector<double>{1}, {.max_boost = 0.5}));
}

}  // namespace
}  // namespace kith::persona
