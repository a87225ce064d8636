#include "kith/train/user_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace kith::train {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;

// The largest share that one user has of the whole weight.
double largest_share(const std::vector<std::uint32_t>& users, const std::vector<double>& weights) {
  std::map<std::uint32_t, double> by_user;
  for (std::size_t i = 0; i < users.size(); ++i) by_user[users[i]] += weights[i];
  double largest = 0.0;
  double total = 0.0;
  for (const auto& [user, weight] : by_user) {
    largest = std::max(largest, weight);
    total += weight;
  }
  return largest / total;
}

std::vector<std::uint32_t> users_with(const std::vector<int>& counts) {
  std::vector<std::uint32_t> users;
  for (std::size_t user = 0; user < counts.size(); ++user) {
    users.insert(users.end(), static_cast<std::size_t>(counts[user]),
                 static_cast<std::uint32_t>(user));
  }
  return users;
}

TEST(UserWeightsTest, AUserOfManyExamplesIsHeldAtTheCap) {
  std::vector<int> counts(80, 1);
  counts.push_back(500);
  counts.push_back(3);
  const auto users = users_with(counts);
  const auto weights = capped_user_weights(users, 0.02);
  EXPECT_NEAR(largest_share(users, weights), 0.02, 1e-12);
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0),
              static_cast<double>(users.size()), 1e-6);
}

TEST(UserWeightsTest, WhoStaysBelowTheCapWeighsByTheNumberOfExamples) {
  const auto users = users_with(std::vector<int>(100, 2));
  EXPECT_THAT(capped_user_weights(users, 0.02), Each(DoubleNear(1.0, 1e-12)));
}

TEST(UserWeightsTest, FewUsersWeighTheSame) {
  const auto users = users_with({1, 3, 6});
  const auto weights = capped_user_weights(users, 0.02);
  EXPECT_NEAR(largest_share(users, weights), 1.0 / 3.0, 1e-12);
}

// By hand: the cap 0.4 cuts only the user of 6 of 9 examples, to c = 0.4 (3 + c) = 2.
TEST(UserWeightsTest, CutsNoMoreUsersThanItMust) {
  const auto users = users_with({1, 1, 1, 6});
  const auto weights = capped_user_weights(users, 0.4);
  EXPECT_NEAR(weights[3] / weights[0], 2.0 / 6.0, 1e-12);
  EXPECT_NEAR(largest_share(users, weights), 0.4, 1e-12);
}

TEST(UserWeightsTest, NoExamplesHaveNoWeights) {
  EXPECT_TRUE(capped_user_weights({}, 0.02).empty());
}

}  // namespace
}  // namespace kith::train
