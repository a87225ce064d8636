#include "kith/train/user_bridge.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kith::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kWidth = 12;
constexpr std::int64_t kRows = 3;
constexpr std::int64_t kUsers = 2;
constexpr std::int64_t kSequence = 7;

ModelConfig small_model() {
  ModelConfig config;
  config.vocab_size = 40;
  config.hidden_size = 16;
  config.num_hidden_layers = 4;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  config.intermediate_size = 24;
  config.max_position_embeddings = 32;
  return config;
}

class UserBridgeTest : public ::testing::Test {
 protected:
  UserBridgeTest() : decoder_(small_model(), torch::kCPU, torch::kFloat) {
    decoder_.parameters().initialize(3);
    {
      const torch::NoGradGuard no_grad;
      // Larger than at the start of training, so that attention is not flat.
      decoder_.parameters().master().mul_(3.0);
      decoder_.parameters().refresh();
    }
    decoder_.parameters().set_requires_grad(false);
    torch::manual_seed(5);
    memory_ = torch::randn({kUsers, kRows, kWidth});
    ids_ = torch::randint(40, {kUsers, kSequence}, torch::kLong);
  }

  UserBridge make_bridge(BridgeType type, double gate = 0.7) const {
    BridgeRecipe recipe;
    recipe.type = type;
    recipe.layers = {1, 2};
    const auto shape = bridge_shape(recipe, decoder_.config(), kWidth, kRows);
    EXPECT_TRUE(shape) << shape.error().message;
    UserBridge bridge(*shape, torch::kCPU, torch::kFloat);
    bridge.initialize(9, 1.0);
    if (type == BridgeType::kCrossAttention) set_gates(bridge, gate);
    return bridge;
  }

  static void set_gates(UserBridge& bridge, double gate) {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < bridge.parameters().specs().size(); ++i) {
      if (bridge.parameters().specs()[i].parts[0].name.ends_with("gate")) {
        bridge.parameters().master_of(i).fill_(gate);
      }
    }
    bridge.parameters().refresh();
  }

  // Some number that hangs on every hidden state.
  double value_of(const UserBridge& bridge) const { return weighted(bridge).item<double>(); }
  Tensor weighted(const UserBridge& bridge) const {
    const Tensor hidden = personal_hidden(decoder_, &bridge, memory_, ids_);
    return (hidden * torch::arange(hidden.numel()).view_as(hidden).sin()).sum();
  }

  Decoder decoder_;
  Tensor memory_;
  Tensor ids_;
};

TEST_F(UserBridgeTest, AZeroGateIsTheDecoderBitForBit) {
  const UserBridge bridge = make_bridge(BridgeType::kCrossAttention, 0.0);
  const Tensor without = personal_hidden(decoder_, nullptr, {}, ids_);
  EXPECT_TRUE(torch::equal(personal_hidden(decoder_, &bridge, memory_, ids_), without));
  const UserBridge open = make_bridge(BridgeType::kCrossAttention, 0.5);
  EXPECT_FALSE(torch::equal(personal_hidden(decoder_, &open, memory_, ids_), without));
}

TEST_F(UserBridgeTest, AZeroGateLearns) {
  UserBridge bridge = make_bridge(BridgeType::kCrossAttention, 0.0);
  weighted(bridge).backward();
  bridge.parameters().collect_gradients();
  EXPECT_GT(bridge.parameters().gradient().abs().max().item<double>(), 0.0);
}

TEST_F(UserBridgeTest, EachUserReadsTheirOwnMemory) {
  for (const BridgeType type : {BridgeType::kSoftPrompt, BridgeType::kCrossAttention}) {
    const UserBridge bridge = make_bridge(type);
    const Tensor both = personal_hidden(decoder_, &bridge, memory_, ids_);
    const Tensor second = personal_hidden(decoder_, &bridge, memory_.narrow(0, 1, 1),
                                          ids_.narrow(0, 1, 1).contiguous());
    const Tensor own = both.narrow(0, kSequence, kSequence);
    EXPECT_LT((own - second).abs().max().item<double>(), 1e-3);
    const Tensor others = personal_hidden(decoder_, &bridge, memory_.flip(0), ids_);
    EXPECT_FALSE(torch::allclose(both, others, 1e-2, 1e-2));
  }
}

TEST_F(UserBridgeTest, CustomAndPlainOperationsAgree) {
  for (const BridgeType type : {BridgeType::kSoftPrompt, BridgeType::kCrossAttention}) {
    const UserBridge bridge = make_bridge(type);
    const Tensor custom = personal_hidden(decoder_, &bridge, memory_, ids_);
    decoder_.set_operations(Operations::kPlain);
    EXPECT_TRUE(
        torch::allclose(personal_hidden(decoder_, &bridge, memory_, ids_), custom, 1e-4, 1e-4));
    decoder_.set_operations(Operations::kCustom);
  }
}

// Central differences in the direction of the gradient, whose slope is the gradient's length.
TEST_F(UserBridgeTest, GradientsAreTheSlope) {
  for (const BridgeType type : {BridgeType::kSoftPrompt, BridgeType::kCrossAttention}) {
    UserBridge bridge = make_bridge(type);
    weighted(bridge).backward();
    ParameterStore& parameters = bridge.parameters();
    parameters.collect_gradients();
    const Tensor gradient = parameters.gradient().clone();
    const double length = gradient.norm().item<double>();
    ASSERT_GT(length, 0.0);
    const torch::NoGradGuard no_grad;
    const Tensor start = parameters.master().clone();
    const auto at = [&](double distance) {
      parameters.master().copy_(start + gradient * (distance / length));
      parameters.refresh();
      return value_of(bridge);
    };
    constexpr double kDistance = 1e-3;
    EXPECT_NEAR((at(kDistance) - at(-kDistance)) / (2.0 * kDistance) / length, 1.0, 0.02) << length;
  }
}

TEST(BridgeShapeTest, RefusesLayersThatTheDecoderLacks) {
  BridgeRecipe recipe;
  recipe.type = BridgeType::kCrossAttention;
  recipe.layers = {4};
  EXPECT_FALSE(bridge_shape(recipe, small_model(), kWidth, kRows));
  recipe.layers = {1, 1};
  EXPECT_FALSE(bridge_shape(recipe, small_model(), kWidth, kRows));
  recipe.layers = {};
  const auto shape = bridge_shape(recipe, small_model(), kWidth, kRows);
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->recipe.layers, (std::vector<std::int64_t>{1}));
}

}  // namespace
}  // namespace kith::train
