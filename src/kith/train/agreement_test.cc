// kith-train and kith are two implementations of one model: the same files give the same logits.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <numeric>

#include "kith/model/decoder.h"
#include "kith/train/model_files.h"
#include "kith/train/test_support.h"

namespace kith::train {
namespace {

std::vector<float> serving_logits(const std::filesystem::path& directory,
                                  const std::vector<text::TokenId>& ids,
                                  const model::Adapter* adapter) {
  model::DecoderOptions options;
  options.weights = tensor::DType::kF32;
  auto decoder = model::Decoder::load(directory, options);
  EXPECT_TRUE(decoder) << decoder.error().message;
  std::vector<float> logits;
  if (!decoder) return logits;
  auto cache = (*decoder)->make_cache(4);
  std::vector<std::int32_t> blocks(4);
  std::iota(blocks.begin(), blocks.end(), 0);
  const model::AdapterShare share{adapter, 1.0F};
  const model::Chunk chunk{ids, 0, blocks, std::span(&share, adapter == nullptr ? 0 : 1), true};
  const auto status = (*decoder)->forward({&chunk, 1}, cache, logits);
  EXPECT_TRUE(status) << status.error().message;
  return logits;
}

class AgreementTest : public ::testing::TestWithParam<RopeScaling> {
 protected:
  AgreementTest() {
    ModelConfig config = tiny_model();
    config.rope_scaling = GetParam();
    decoder_ = std::make_unique<Decoder>(config, torch::kCPU, torch::kFloat);
    decoder_->parameters().initialize(11);
    const torch::NoGradGuard no_grad;
    // Larger than at the start of training, so that attention is not flat.
    decoder_->parameters().master().mul_(4.0);
    decoder_->parameters().refresh();
    EXPECT_TRUE(save_model(*decoder_, directory_.path(), torch::kFloat, directory_.path()));
    for (int i = 0; i < 50; ++i) ids_.push_back((i * 37 + 11) % 300);
  }

  double largest_difference(const model::Adapter* adapter) {
    const torch::NoGradGuard no_grad;
    const std::vector<std::int64_t> wide(ids_.begin(), ids_.end());
    const auto want = decoder_->logits(torch::tensor(wide).unsqueeze(0));
    auto got = serving_logits(directory_.path(), ids_, adapter);
    if (static_cast<std::int64_t>(got.size()) != want.numel()) return 1e9;
    return (torch::from_blob(got.data(), want.sizes()) - want).abs().max().item<double>();
  }

  base::TestDirectory directory_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<text::TokenId> ids_;
};

TEST_P(AgreementTest, ServingAndTrainingGiveTheSameLogits) {
  EXPECT_LT(largest_difference(nullptr), 1e-3);
}

TEST_P(AgreementTest, ServingAndTrainingGiveTheSameLogitsUnderAnAdapter) {
  LoraWeights lora(decoder_->config(), LoraOptions{}, torch::kCPU, torch::kFloat);
  lora.initialize(3);
  {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(1);
    for (std::size_t i = 1; i < lora.parameters().specs().size(); i += 2) {
      lora.parameters().master_of(i).normal_(0.0, 0.05);
    }
  }
  const auto directory = directory_.path() / "adapter";
  ASSERT_TRUE(save_adapter(lora, "", directory));
  decoder_->set_lora(&lora);
  const auto config = model::load_decoder_config(directory_.path());
  ASSERT_TRUE(config) << config.error().message;
  const auto adapter = model::Adapter::load(directory, *config);
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_LT(largest_difference(adapter->get()), 5e-3);
  EXPECT_GT(largest_difference(nullptr), 5e-2);
}

INSTANTIATE_TEST_SUITE_P(Rope, AgreementTest,
                         ::testing::Values(RopeScaling{}, RopeScaling{"linear", 2.0},
                                           RopeScaling{"llama3", 4.0, 1.0, 4.0, 32}),
                         [](const auto& param) { return param.param.type; });

}  // namespace
}  // namespace kith::train
