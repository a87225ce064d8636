#include "kith/persona/linear_trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kith/persona/network_weights.h"

namespace kith::persona {
namespace {

std::vector<TrainingExample> two_sides() {
  return {{.rows = {{0, 1.0F}, {2, 0.5F}}, .label = 0, .target = {}},
          {.rows = {{1, 1.0F}, {2, -0.5F}}, .label = 1, .target = {}}};
}

std::vector<float> outputs_of(const LinearMap& map, const std::vector<WeighedRow>& rows) {
  std::vector<float> sums = map.bias;
  for (const WeighedRow& row : rows) {
    for (std::size_t k = 0; k < sums.size(); ++k) {
      sums[k] += row.weight * map.weights[row.row * sums.size() + k];
    }
  }
  return sums;
}

// By hand: two points x and z of labels +1 and -1. The dual a of both is the same by symmetry of
// w = a (x - z), whose bias a - a vanishes: a (|x|^2 - x.z) + a / (2 C) = 1. With |x|^2 = 1.25 and
// x.z = -0.25, C = 1: a = 1 / (1.5 + 0.5) = 0.5, so the margin of x is 0.5 * 1.5 = 0.75.
TEST(LinearTrainerTest, FindsTheMachineOfTwoPoints) {
  const auto examples = two_sides();
  const auto map = train_linear(
      examples, {.inputs = 3, .outputs = 2, .dense_inputs = 1, .dense_scale = 1.0F, .cost = 1.0F});
  const auto at_first = outputs_of(map, examples[0].rows);
  EXPECT_NEAR(at_first[0], 0.75F, 0.05F);
  EXPECT_NEAR(at_first[1], -0.75F, 0.05F);
}

TEST(LinearTrainerTest, AScaledVectorKeepsItsScaleInTheWeights) {
  const auto examples = two_sides();
  auto scaled = examples;
  for (auto& example : scaled) example.rows[1].weight *= 0.5F;
  const LinearOptions half{.inputs = 3, .outputs = 2, .dense_inputs = 1, .dense_scale = 0.5F};
  LinearOptions whole = half;
  whole.dense_scale = 1.0F;
  const auto by_option = outputs_of(train_linear(examples, half), examples[0].rows);
  const auto by_hand = outputs_of(train_linear(scaled, whole), scaled[0].rows);
  EXPECT_NEAR(by_option[0], by_hand[0], 1e-5F);
}

TEST(LinearTrainerTest, TextsOutOfScopeSpeakAgainstEveryLabel) {
  auto examples = two_sides();
  const LinearOptions options{.inputs = 4, .outputs = 2, .dense_inputs = 1};
  // The vector's row is the last one.
  for (auto& example : examples) example.rows.back().row = 3;
  const std::vector<WeighedRow> unknown = {{2, 1.0F}, {3, 0.0F}};
  const auto before = outputs_of(train_linear(examples, options), unknown);
  examples.push_back({.rows = unknown, .label = kOutOfScope, .target = {}});
  const auto after = outputs_of(train_linear(examples, options), unknown);
  EXPECT_LT(after[0], before[0] - 0.1F);
  EXPECT_LT(after[1], before[1] - 0.1F);
}

TEST(LinearTrainerTest, ThreadsMakeNoDifference) {
  const auto examples = two_sides();
  LinearOptions options{.inputs = 3, .outputs = 2, .dense_inputs = 1};
  const auto one = train_linear(examples, options);
  options.threads = 2;
  EXPECT_EQ(train_linear(examples, options).weights, one.weights);
}

TEST(LinearTrainerTest, AMixIsTheWeightedMeanOfBothOutputs) {
  const NetworkWeights network{.outputs = 2,
                               .input = {0.5F, -0.5F, 1.0F, 0.25F, 0.0F, -1.0F},  // hidden: 1
                               .bias = {0.1F, 0.2F, 0.3F},
                               .output = {0.5F, -0.25F}};
  const LinearMap linear{.weights = {1.0F, 0.0F, 0.5F, -0.5F}, .bias = {0.0F, 1.0F}};
  const std::vector<WeighedRow> rows = {{0, 1.0F}, {1, 0.5F}};
  const auto run = [&](float share) {
    std::vector<float> sums(2);
    to_network(mix(network, linear, share)).add_outputs(rows, sums);
    return sums;
  };
  const auto own = run(0.0F);
  const auto half = run(0.25F);
  const auto all = run(1.0F);
  const auto expected = outputs_of(linear, rows);
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(all[k], expected[k], 0.02F);
    EXPECT_NEAR(half[k], 0.25F * all[k] + 0.75F * own[k], 0.02F);
  }
}

}  // namespace
}  // namespace kith::persona
