// Logits of tiny checkpoints against those of the Python reference; see
// tools/goldens/make_model_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kith/model/test_model.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using tensor::DType;

struct Golden {
  std::vector<text::TokenId> tokens;
  std::vector<float> logits;  // [tokens, vocab]
};

Golden read_golden(const std::string& name) {
  const auto file = tensor::SafetensorsFile::open(testdata(name) / "golden.safetensors");
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return {};
  }
  const auto tokens = *file->find("tokens");
  const auto logits = *file->find("logits");
  Golden golden;
  golden.tokens.resize(static_cast<std::size_t>(tokens.num_elements()));
  std::memcpy(golden.tokens.data(), tokens.bytes.data(), tokens.bytes.size());
  golden.logits.resize(static_cast<std::size_t>(logits.num_elements()));
  std::memcpy(golden.logits.data(), logits.bytes.data(), logits.bytes.size());
  return golden;
}

float largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0.0F;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    // Written so that a NaN is a difference too.
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

std::unique_ptr<Decoder> load(const std::string& name, DType weights) {
  auto decoder = Decoder::load(testdata(name), {weights, 1});
  if (!decoder) {
    ADD_FAILURE() << decoder.error().message;
    return nullptr;
  }
  return *std::move(decoder);
}

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, F32LogitsAreThoseOfTheReference) {
  const Golden golden = read_golden(GetParam());
  const auto decoder = load(GetParam(), DType::kF32);
  ASSERT_NE(decoder, nullptr);
  EXPECT_LT(largest_difference(whole_logits(*decoder, golden.tokens), golden.logits), 1e-4F);
}

TEST_P(GoldenTest, Bf16LogitsAreCloseToTheReference) {
  const Golden golden = read_golden(GetParam());
  const auto decoder = load(GetParam(), DType::kBf16);
  ASSERT_NE(decoder, nullptr);
  const std::vector<float> logits = whole_logits(*decoder, golden.tokens);
  EXPECT_LT(largest_difference(logits, golden.logits), 0.05F);
}

// Of models with random weights, whose logits have a standard deviation of about 1.7.
TEST_P(GoldenTest, Int8LogitsAreNearTheReference) {
  const Golden golden = read_golden(GetParam());
  const auto decoder = load(GetParam(), DType::kInt8);
  ASSERT_NE(decoder, nullptr);
  const std::vector<float> logits = whole_logits(*decoder, golden.tokens);
  ASSERT_EQ(logits.size(), golden.logits.size());
  double squares = 0.0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    squares += std::pow(static_cast<double>(logits[i] - golden.logits[i]), 2.0);
  }
  EXPECT_LT(std::sqrt(squares / static_cast<double>(logits.size())), 0.08);
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenTest,
                         testing::Values("gqa_tied", "mha_bias", "linear_rope", "llama3_rope",
                                         "mistral_window", "qwen2", "qwen3"),
                         [](const auto& test) { return std::string(test.param); });

// An adapter and the model that it was made for.
using AdapterCase = std::pair<const char*, const char*>;
class AdapterGoldenTest : public testing::TestWithParam<AdapterCase> {};

TEST_P(AdapterGoldenTest, LogitsAreThoseOfPeft) {
  const auto [name, base] = GetParam();
  const Golden golden = read_golden(name);
  const auto decoder = load(base, DType::kF32);
  ASSERT_NE(decoder, nullptr);
  const auto adapter = Adapter::load(testdata(name), decoder->config());
  ASSERT_TRUE(adapter) << adapter.error().message;
  const auto logits = whole_logits(*decoder, golden.tokens, adapter->get());
  EXPECT_LT(largest_difference(logits, golden.logits), 1e-4F);
  // The adapter does something.
  EXPECT_GT(largest_difference(whole_logits(*decoder, golden.tokens), golden.logits), 0.5F);
}

INSTANTIATE_TEST_SUITE_P(Cases, AdapterGoldenTest,
                         testing::Values(AdapterCase{"adapter", "gqa_tied"},
                                         AdapterCase{"pattern_adapter", "gqa_tied"},
                                         AdapterCase{"mistral_adapter", "mistral_window"},
                                         AdapterCase{"qwen2_adapter", "qwen2"},
                                         AdapterCase{"qwen3_adapter", "qwen3"}),
                         [](const auto& test) { return std::string(test.param.first); });

}  // namespace
}  // namespace kith::model
