#include "kith/nn/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace kith::nn {
namespace {

TEST(RopeTest, FrequenciesFallGeometrically) {
  const auto frequencies = rope_frequencies({}, 8);
  ASSERT_EQ(frequencies.size(), 4U);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0F);
  EXPECT_FLOAT_EQ(frequencies[1], 0.1F);
  EXPECT_FLOAT_EQ(frequencies[3], 0.001F);
}

TEST(RopeTest, LinearScalingStretchesAllWaves) {
  RopeConfig config;
  config.kind = RopeKind::kLinear;
  config.factor = 4.0;
  EXPECT_FLOAT_EQ(rope_frequencies(config, 8)[0], 0.25F);
  EXPECT_FLOAT_EQ(rope_frequencies(config, 8)[2], 0.0025F);
}

// Wavelengths 2 pi * 10^i for theta 10000 and head_dim 8: 6, 63, 628, 6283 positions.
TEST(RopeTest, Llama3ScalingKeepsShortWavesAndStretchesLongOnes) {
  RopeConfig config;
  config.kind = RopeKind::kLlama3;
  config.factor = 8.0;
  config.low_freq_factor = 1.0;
  config.high_freq_factor = 4.0;
  config.original_max_positions = 1000;
  const auto frequencies = rope_frequencies(config, 8);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0F);
  EXPECT_FLOAT_EQ(frequencies[1], 0.1F);
  EXPECT_FLOAT_EQ(frequencies[3], 0.001F / 8.0F);
  // 628 lies between 250 and 1000: (1000 / 628.3185 - 1) / 3 = 0.197183 of the way.
  EXPECT_NEAR(frequencies[2], 0.802817 * 0.01 / 8.0 + 0.197183 * 0.01, 1e-8);
}

TEST(RopeTest, RotatesPairsThatAreHalfAHeadApart) {
  RopeTable table({}, 4);
  table.reserve(3);
  // Two heads: (1, 0) in the first pair of the first, (0, 1) in the second pair of the second.
  std::vector<float> row{1, 0, 0, 0, 0, 0, 0, 1};
  apply_rope(row, table.at(2), 2);
  EXPECT_FLOAT_EQ(row[0], std::cos(2.0F));
  EXPECT_FLOAT_EQ(row[2], std::sin(2.0F));
  EXPECT_FLOAT_EQ(row[5], -std::sin(0.02F));
  EXPECT_FLOAT_EQ(row[7], std::cos(0.02F));
}

TEST(RopeTest, GrowingKeepsWhatWasThere) {
  RopeTable table({}, 4);
  table.reserve(2);
  const std::vector<float> before(table.at(1).begin(), table.at(1).end());
  table.reserve(100);
  EXPECT_EQ(std::vector<float>(table.at(1).begin(), table.at(1).end()), before);
  EXPECT_FLOAT_EQ(table.at(99)[0], std::cos(99.0F));
}

}  // namespace
}  // namespace kith::nn
