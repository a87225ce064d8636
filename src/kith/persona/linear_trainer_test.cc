#include "kith/persona/linear_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(LinearTrainerTest, TextsOutOfScopeMayHaveAMachineOfTheirOwn) {
  auto examples = two_sides();
  for (auto& example : examples) example.rows.back().row = 3;
  const std::vector<WeighedRow> strange = {{2, 1.0F}, {3, 0.0F}};
  examples.push_back({.rows = strange, .label = kOutOfScope, .target = {}});
  const auto map =
      train_linear(examples, {.inputs = 4, .outputs = 3, .scope_output = true, .dense_inputs = 1});
  const auto of_strange = outputs_of(map, strange);
  const auto of_known = outputs_of(map, examples[0].rows);
  EXPECT_GT(of_strange[2], std::max(of_strange[0], of_strange[1]) + 0.3F);
  EXPECT_LT(of_known[2], of_known[0] - 0.3F);
}

// Input 0 is in every text of label 0 and in none of label 1, input 1 in half of each: by log-odds
// the first gets more of the weight than it has without.
TEST(LinearTrainerTest, LogOddsFavourInputsThatTellALabel) {
  std::vector<TrainingExample> examples;
  for (int i = 0; i < 8; ++i) {
    TrainingExample own{.rows = {{0, 0.5F}}, .label = 0, .target = {}};
    TrainingExample other{.rows = {{2, 0.5F}}, .label = 1, .target = {}};
    if (i % 2 == 0) own.rows.push_back({1, 0.5F});
    if (i % 3 == 0) other.rows.push_back({1, 0.5F});
    examples.push_back(own);
    examples.push_back(other);
  }
  LinearOptions options{.inputs = 3, .outputs = 2};
  const auto plain = train_linear(examples, options);
  options.log_odds = 0.75F;
  const auto odds = train_linear(examples, options);
  const auto ratio = [](const LinearMap& map) { return std::abs(map.weights[2]) / map.weights[0]; };
  EXPECT_LT(ratio(odds), 0.5F * ratio(plain));
  EXPECT_GT(odds.weights[0], 0.0F);
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

TEST(LinearTrainerTest, AMixGivesTheMachinesFurtherOutputAlone) {
  const NetworkWeights network{.outputs = 1,
                               .input = {0.5F, 1.0F},  // one input, one hidden unit
                               .bias = {0.0F, 0.0F},
                               .output = {2.0F}};
  const LinearMap linear{.weights = {1.0F, -0.5F}, .bias = {0.0F, 0.25F}};
  std::vector<float> sums(2);
  const std::vector<WeighedRow> rows = {{0, 1.0F}};
  to_network(mix(network, linear, 0.5F)).add_outputs(rows, sums);
  EXPECT_NEAR(sums[0], 0.5F * 1.0F + 0.5F * 2.5F, 0.03F);
  EXPECT_NEAR(sums[1], 0.5F * -0.25F, 0.01F);
}

}  // namespace
}  // namespace kith::persona
