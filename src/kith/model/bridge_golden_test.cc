// Logits with memories against those of the Python reference; see
// tools/goldens/make_bridge_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kith/model/decoder.h"
#include "kith/model/test_model.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using tensor::DType;

template <typename T>
std::vector<T> values_of(const tensor::SafetensorsFile& file, const char* name) {
  const auto view = file.find(name);
  if (!view) {
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }
  std::vector<T> values(static_cast<std::size_t>(view->num_elements()));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

double root_mean_square_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double squares = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    squares += std::pow(static_cast<double>(a[i] - b[i]), 2.0);
  }
  return std::sqrt(squares / static_cast<double>(a.size()));
}

// A bridge, the model that it was made for and that model's adapter.
struct BridgeCase {
  const char* bridge;
  const char* base;
  const char* adapter;
};

class BridgeGoldenTest : public testing::TestWithParam<BridgeCase> {
 protected:
  void load(DType weights) {
    const auto golden =
        tensor::SafetensorsFile::open(testdata(GetParam().bridge) / "golden.safetensors");
    ASSERT_TRUE(golden) << golden.error().message;
    tokens_ = values_of<text::TokenId>(*golden, "tokens");
    logits_ = values_of<float>(*golden, "logits");
    logits_all_ = values_of<float>(*golden, "logits_all");
    auto decoder = Decoder::load(testdata(GetParam().base), {weights, 1});
    ASSERT_TRUE(decoder) << decoder.error().message;
    decoder_ = *std::move(decoder);
    const auto bridge = MemoryBridge::load(testdata(GetParam().bridge), decoder_->config(),
                                           {.weights = decoder_->weights()});
    ASSERT_TRUE(bridge) << bridge.error().message;
    const auto memory =
        MemoryMatrix::create(values_of<float>(*golden, "memory"), (*bridge)->config().memory_width);
    ASSERT_TRUE(memory) << memory.error().message;
    const auto projected = (*bridge)->project(**memory);
    ASSERT_TRUE(projected) << projected.error().message;
    memory_ = *projected;
    prompt_ = *SoftPrompt::create(values_of<float>(*golden, "soft_prompt"),
                                  decoder_->config().hidden_size);
  }

  std::vector<float> run(std::span<const text::TokenId> tokens,
                         std::span<const AdapterShare> adapters) {
    const auto blocks = consecutive_blocks(0, tokens.size());
    nn::KvCache cache = decoder_->make_cache(static_cast<int>(blocks.size()));
    const Chunk chunk{.tokens = tokens,
                      .blocks = blocks,
                      .adapters = adapters,
                      .all_logits = true,
                      .soft_prompt = prompt_.get(),
                      .memory = memory_.get()};
    std::vector<float> logits;
    const auto status = decoder_->forward({&chunk, 1}, cache, logits);
    EXPECT_TRUE(status) << status.error().message;
    return logits;
  }

  std::vector<text::TokenId> tokens_;
  std::vector<float> logits_;
  std::vector<float> logits_all_;
  std::unique_ptr<Decoder> decoder_;
  std::shared_ptr<const ProjectedMemory> memory_;
  std::shared_ptr<const SoftPrompt> prompt_;
};

TEST_P(BridgeGoldenTest, F32LogitsAreThoseOfTheReference) {
  load(DType::kF32);
  const auto logits = run(tokens_, {});
  ASSERT_EQ(logits.size(), logits_.size());
  for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], logits_[i], 1e-4F);
  // The memory does something.
  EXPECT_GT(root_mean_square_difference(whole_logits(*decoder_, tokens_), logits_), 0.1);
}

TEST_P(BridgeGoldenTest, WithAdapterAndSoftPromptTooTheyAreThoseOfTheReference) {
  load(DType::kF32);
  const auto adapter = Adapter::load(testdata(GetParam().adapter), decoder_->config());
  ASSERT_TRUE(adapter) << adapter.error().message;
  const AdapterShare share{adapter->get(), 1.0F};
  std::vector<text::TokenId> tokens;
  for (int row = 0; row < prompt_->rows(); ++row) tokens.push_back(soft_token(row));
  tokens.insert(tokens.end(), tokens_.begin(), tokens_.end());
  const auto logits = run(tokens, {&share, 1});
  ASSERT_EQ(logits.size(), logits_all_.size());
  for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], logits_all_[i], 1e-4F);
}

// Of models with random weights, whose logits have a standard deviation of about 1.6.
TEST_P(BridgeGoldenTest, ShorterWeightsAreNearTheReference) {
  load(DType::kBf16);
  EXPECT_LT(root_mean_square_difference(run(tokens_, {}), logits_), 0.01);
  load(DType::kInt8);
  EXPECT_LT(root_mean_square_difference(run(tokens_, {}), logits_), 0.08);
}

INSTANTIATE_TEST_SUITE_P(Cases, BridgeGoldenTest,
                         testing::Values(BridgeCase{"bridge", "gqa_tied", "adapter"},
                                         BridgeCase{"mistral_bridge", "mistral_window",
                                                    "mistral_adapter"}),
                         [](const auto& test) { return std::string(test.param.bridge); });

}  // namespace
}  // namespace kith::model
