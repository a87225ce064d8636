#include "kith/nn/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/nn/kernels.h"

namespace kith::nn {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(std::size_t count) {
  base::Rng rng(3);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = static_cast<float>(40.0 * rng.uniform() - 20.0);
  return logits;
}

TEST(LogitRangeTest, FindsTheLargestAndWhatIsNoNumber) {
  for (const std::size_t count : {1U, 15U, 16U, 17U, 1000U}) {
    for (const std::size_t place : {std::size_t{0}, count / 2, count - 1}) {
      auto logits = random_logits(count);
      logits[place] = 30.0F;
      EXPECT_EQ(logit_range(logits).largest, 30.0F);
      EXPECT_TRUE(logit_range(logits).is_valid);
      logits[place] = kInfinity;
      EXPECT_FALSE(logit_range(logits).is_valid) << count << " " << place;
      logits[place] = std::nanf("");
      EXPECT_FALSE(logit_range(logits).is_valid) << count << " " << place;
      logits[place] = -kInfinity;
      EXPECT_EQ(logit_range(logits).is_valid, count > 1);
    }
  }
  EXPECT_FALSE(logit_range({}).is_valid);
}

TEST(ExpWeightsTest, AreExponentialsAndTheirSums) {
  for (const std::size_t count : {1U, 17U, 4096U, 10'001U}) {
    auto logits = random_logits(count);
    if (count > 1) logits[1] = -kInfinity;
    const float largest = logit_range(logits).largest;
    for (const float scale : {0.5F, 1.0F, 3.0F}) {
      std::vector<float> weights(count);
      const auto sums = exp_weights(logits, largest, scale, weights);
      EXPECT_EQ(sums, exp_weights(logits, largest, scale, {}));
      ASSERT_EQ(sums.size(), (count + kWeightBlock - 1) / kWeightBlock);
      double total = 0.0;
      for (std::size_t i = 0; i < count; ++i) {
        // From the product as rounded to f32, which is what the function sees.
        const auto x = static_cast<double>((logits[i] - largest) * scale);
        const double expected = x < -87.0 ? 0.0 : std::exp(x);
        ASSERT_NEAR(weights[i], expected, 4e-7 * expected) << x;
        total += expected;
      }
      EXPECT_NEAR(std::accumulate(sums.begin(), sums.end(), 0.0), total, 1e-6 * total);
    }
  }
}

TEST(ExpWeightsTest, LevelsAgree) {
  const auto logits = random_logits(999);
  std::vector<float> expected(logits.size());
  const auto& portable = kernels_for(tensor::CpuLevel::kPortable);
  portable.exp_weights(logits.data(), logits.size(), 20.0F, 0.7F, expected.data());
  std::vector<float> weights(logits.size());
  kernels().exp_weights(logits.data(), logits.size(), 20.0F, 0.7F, weights.data());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(weights[i], expected[i], 1e-6F * expected[i]);
  }
}

}  // namespace
}  // namespace kith::nn
