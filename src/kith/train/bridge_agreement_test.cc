// What a bridge is trained as is what kith serves: the same files give the same logits.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <numeric>

#include "kith/model/decoder.h"
#include "kith/model/memory_bridge.h"
#include "kith/model/memory_matrix.h"
#include "kith/model/soft_prompt_bridge.h"
#include "kith/train/model_files.h"
#include "kith/train/test_support.h"
#include "kith/train/user_bridge.h"

namespace kith::train {
namespace {

constexpr std::int64_t kRows = 5;
constexpr std::int64_t kWidth = 12;

class BridgeAgreementTest : public ::testing::Test {
 protected:
  BridgeAgreementTest() : decoder_(tiny_model(), torch::kCPU, torch::kFloat) {
    decoder_.parameters().initialize(11);
    const torch::NoGradGuard no_grad;
    // Larger than at the start of training, so that attention is not flat.
    decoder_.parameters().master().mul_(4.0);
    decoder_.parameters().refresh();
    EXPECT_TRUE(save_model(decoder_, directory_.path(), torch::kFloat, directory_.path()));
    model::DecoderOptions options;
    options.weights = tensor::DType::kF32;
    auto loaded = model::Decoder::load(directory_.path(), options);
    EXPECT_TRUE(loaded) << loaded.error().message;
    served_ = *std::move(loaded);
    torch::manual_seed(4);
    memory_ = torch::randn({1, kRows, kWidth});
    const float* values = memory_.data_ptr<float>();
    auto matrix = model::MemoryMatrix::create({values, values + kRows * kWidth}, kWidth);
    EXPECT_TRUE(matrix);
    matrix_ = *matrix;
    for (int i = 0; i < 30; ++i) ids_.push_back((i * 37 + 11) % 300);
  }

  UserBridge save(BridgeType type) {
    BridgeRecipe recipe;
    recipe.type = type;
    recipe.intermediate_size = type == BridgeType::kSoftPrompt ? 20 : 0;
    recipe.layers = {0, 1};
    const auto shape = bridge_shape(recipe, decoder_.config(), kWidth, kRows);
    EXPECT_TRUE(shape);
    UserBridge bridge(*shape, torch::kCPU, torch::kFloat);
    bridge.initialize(7, 0.1);
    {
      const torch::NoGradGuard no_grad;
      torch::manual_seed(8);
      // Norms and gates that are neither 0 nor 1.
      torch::Tensor& all = bridge.parameters().master();
      all.add_(torch::randn_like(all) * 0.2);
      bridge.parameters().refresh();
    }
    EXPECT_TRUE(save_bridge(bridge, "", directory_.path() / "bridge"));
    return bridge;
  }

  torch::Tensor trained_logits(const UserBridge& bridge) const {
    const torch::NoGradGuard no_grad;
    const std::vector<std::int64_t> wide(ids_.begin(), ids_.end());
    const auto hidden =
        personal_hidden(decoder_, &bridge, memory_, torch::tensor(wide).unsqueeze(0));
    return at::linear(hidden, decoder_.head_values());
  }

  // Largest difference over the last `ids_` rows of what `chunk` gives.
  double difference(model::Chunk chunk, const torch::Tensor& want) {
    auto cache = served_->make_cache(4);
    std::vector<std::int32_t> blocks(4);
    std::iota(blocks.begin(), blocks.end(), 0);
    chunk.blocks = blocks;
    chunk.all_logits = true;
    std::vector<float> logits;
    const auto status = served_->forward({&chunk, 1}, cache, logits);
    EXPECT_TRUE(status) << status.error().message;
    const auto rows = static_cast<std::int64_t>(chunk.tokens.size());
    const auto got = torch::from_blob(logits.data(), {rows, want.size(1)});
    return (got.narrow(0, rows - want.size(0), want.size(0)) - want).abs().max().item<double>();
  }

  base::TestDirectory directory_;
  Decoder decoder_;
  std::unique_ptr<model::Decoder> served_;
  torch::Tensor memory_;
  std::shared_ptr<const model::MemoryMatrix> matrix_;
  std::vector<text::TokenId> ids_;
};

TEST_F(BridgeAgreementTest, CrossAttentionIsServedAsItWasTrained) {
  const UserBridge bridge = save(BridgeType::kCrossAttention);
  const auto loaded = model::MemoryBridge::load(directory_.path() / "bridge", served_->config(),
                                                {.weights = tensor::DType::kF32});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto projected = (*loaded)->project(*matrix_);
  ASSERT_TRUE(projected) << projected.error().message;
  model::Chunk chunk;
  chunk.tokens = ids_;
  const torch::Tensor want = trained_logits(bridge);
  EXPECT_GT(difference(chunk, want), 5e-2);
  chunk.memory = projected->get();
  EXPECT_LT(difference(chunk, want), 2e-3);
}

TEST_F(BridgeAgreementTest, ASoftPromptIsServedAsItWasTrained) {
  const UserBridge bridge = save(BridgeType::kSoftPrompt);
  const auto loaded = model::SoftPromptBridge::load(directory_.path() / "bridge");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto prompt = (*loaded)->project(*matrix_);
  ASSERT_TRUE(prompt) << prompt.error().message;
  std::vector<text::TokenId> tokens;
  for (int row = 0; row < kRows; ++row) tokens.push_back(model::soft_token(row));
  tokens.insert(tokens.end(), ids_.begin(), ids_.end());
  model::Chunk chunk;
  chunk.tokens = tokens;
  chunk.soft_prompt = prompt->get();
  const torch::Tensor want = trained_logits(bridge);
  EXPECT_LT(difference(chunk, want), 2e-3);
  chunk.tokens = ids_;
  EXPECT_GT(difference(chunk, want), 5e-2);
}

}  // namespace
}  // namespace kith::train
