#include "kith/train/sampled_loss.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kith::train {
namespace {

// The paper's ends: t = 0 leaves the loss alone, t = 1 gives the sampling rate.
TEST(SampledLossTest, TheExponentGoesFromOneToTheSamplingRate) {
  EXPECT_NEAR(gbce_exponent({256, 0.0}, 3417), 1.0, 1e-12);
  EXPECT_NEAR(gbce_exponent({256, 1.0}, 3417), 256.0 / 3416.0, 1e-12);
  // alpha = 0.1: 0.1 * (0.75 * -9 + 10) = 0.325
  EXPECT_NEAR(gbce_exponent({100, 0.75}, 1001), 0.325, 1e-12);
}

double softplus(double x) { return std::log1p(std::exp(x)); }

// By hand, in one dimension: states 1 and 2, table 0.5, -1, 3.
TEST(SampledLossTest, IsTheBinaryCrossEntropyOfRightAndSampled) {
  const auto states = torch::tensor({1.0F, 2.0F, 9.0F}).view({3, 1});
  const auto table = torch::tensor({0.5F, -1.0F, 3.0F}).view({3, 1});
  const auto targets = torch::tensor({0, 2, -1}, torch::kLong);
  const auto negatives = torch::tensor({1, 2, 1}, torch::kLong);
  // The first row meets -1, 3, -1; the second -2 twice, as 2 is its own.
  const double expected = 0.4 * (softplus(-0.5) + softplus(-6.0)) + 2 * softplus(-1.0) +
                          softplus(3.0) + 2 * softplus(-2.0);
  EXPECT_NEAR(gbce_loss(states, table, targets, negatives, 0.4, 0.5).item<double>(), 0.5 * expected,
              1e-5);
}

TEST(SampledLossTest, GradientsReachStatesAndTable) {
  auto states = torch::randn({4, 3}).set_requires_grad(true);
  auto table = torch::randn({7, 3}).set_requires_grad(true);
  const auto targets = torch::tensor({1, -1, 6, 2}, torch::kLong);
  gbce_loss(states, table, targets, torch::tensor({0, 3}, torch::kLong), 0.5, 1.0).backward();
  EXPECT_EQ(states.grad()[1].abs().sum().item<float>(), 0.0F);
  EXPECT_GT(states.grad()[0].abs().sum().item<float>(), 0.0F);
  EXPECT_GT(table.grad()[3].abs().sum().item<float>(), 0.0F);
  EXPECT_EQ(table.grad()[5].abs().sum().item<float>(), 0.0F);
}

}  // namespace
}  // namespace kith::train
