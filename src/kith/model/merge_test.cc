#include "kith/model/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/inspect.h"
#include "kith/model/test_model.h"
#include "kith/tensor/checkpoint.h"

namespace kith::model {
namespace {

namespace fs = std::filesystem;
using tensor::DType;
using testing::HasSubstr;
using testing::IsEmpty;
using text::TokenId;

std::vector<TokenId> some_tokens() {
  std::vector<TokenId> tokens;
  for (int i = 0; i < 60; ++i) tokens.push_back(i * 31 % 96);
  return tokens;
}

struct Case {
  const char* base;
  const char* adapter;
};

class MergeTest : public testing::TestWithParam<Case> {
 protected:
  // Largest difference between the logits of base + adapter and of the merged model, in f32.
  float difference(const fs::path& merged_dir) {
    const auto base = *Decoder::load(testdata(GetParam().base), {DType::kF32, 1});
    const auto adapter = *Adapter::load(testdata(GetParam().adapter), base->config());
    const auto merged = Decoder::load(merged_dir, {DType::kF32, 1});
    EXPECT_TRUE(merged) << merged.error().message;
    const auto expected = whole_logits(*base, some_tokens(), adapter.get());
    const auto actual = whole_logits(**merged, some_tokens());
    float largest = 0.0F;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::fabs(expected[i] - actual[i]));
    }
    return largest;
  }

  const base::TestDirectory dir_;
  const fs::path target_ = dir_.path() / "merged";
};

TEST_P(MergeTest, MergedEqualsUnmerged) {
  const auto status = merge_adapter(testdata(GetParam().base), testdata(GetParam().adapter),
                                    target_, {.dtype = DType::kF32});
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_LT(difference(target_), 1e-4F);
  const auto report = inspect_checkpoint(target_, Depth::kValues);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_THAT(report->ignored, IsEmpty()) << "a tied head is stored once";
}

TEST_P(MergeTest, InBf16OnlyTheRoundingOfTheWeightsShows) {
  ASSERT_TRUE(merge_adapter(testdata(GetParam().base), testdata(GetParam().adapter), target_));
  const auto report = *inspect_checkpoint(target_, Depth::kShapes);
  EXPECT_EQ(report.values.size(), 1U);
  EXPECT_TRUE(report.values.contains("BF16")) << "the type of the base";
  // The logits have a standard deviation of about 1.6.
  EXPECT_LT(difference(target_), 0.3F);
  const auto config = *base::parse_json(*base::read_file(target_ / "config.json"));
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
}

INSTANTIATE_TEST_SUITE_P(Cases, MergeTest,
                         testing::Values(Case{"gqa_tied", "adapter"},
                                         Case{"mistral_window", "mistral_adapter"},
                                         Case{"qwen2", "qwen2_adapter"},
                                         Case{"qwen3", "qwen3_adapter"}),
                         [](const auto& test) { return std::string(test.param.base); });

TEST(MergeErrorTest, RefusesWhatItCannotMergeAndLeavesNothing) {
  const base::TestDirectory dir;
  const auto target = dir.path() / "merged";
  const auto error_of = [&](const fs::path& base, const fs::path& adapter,
                            const MergeOptions& options = {}) {
    const auto status = merge_adapter(base, adapter, target, options);
    return status ? "no error" : status.error().message;
  };
  EXPECT_THAT(error_of(testdata("qwen2"), testdata("qwen3_adapter")), HasSubstr("shapes must be"));
  EXPECT_THAT(error_of(testdata("qwen2"), testdata("qwen2")), HasSubstr("adapter_config.json"));
  EXPECT_THAT(error_of(testdata("qwen2"), testdata("qwen2_adapter"), {.dtype = DType::kInt8}),
              HasSubstr("f32 or bf16"));
  EXPECT_THAT(error_of(dir.path(), testdata("qwen2_adapter")), HasSubstr("config.json"));
  EXPECT_TRUE(fs::is_empty(dir.path()));
  fs::create_directory(target);
  EXPECT_THAT(error_of(testdata("qwen2"), testdata("qwen2_adapter")), HasSubstr("exists"));
}

TEST(MergeErrorTest, RefusesAnAdapterThatIsNotFinite) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path() / "base", 1);
  NamedTensors tensors = tiny_adapter(1);
  tensors.begin()->second.values[0] = std::numeric_limits<float>::quiet_NaN();
  write_tiny_adapter(dir.path() / "adapter", tensors, R"({"r": 4, "lora_alpha": 8})");
  const auto status =
      merge_adapter(dir.path() / "base", dir.path() / "adapter", dir.path() / "merged");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message,
              testing::AllOf(HasSubstr("finite"), HasSubstr(tensors.begin()->first)));
  EXPECT_FALSE(fs::exists(dir.path() / "merged"));
}

// The largest numbers of f32 are infinite in bf16.
TEST(MergeErrorTest, WritesNoWeightThatItsTypeCannotHold) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path() / "base", 1);
  NamedTensors weights = tiny_weights(1);
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  weights.at(name).values[0] = std::numeric_limits<float>::max();
  write_tensors(dir.path() / "base/model.safetensors", weights);
  write_tiny_adapter(dir.path() / "adapter", tiny_adapter(1), R"({"r": 4, "lora_alpha": 8})");
  const auto merge = [&](DType dtype) {
    return merge_adapter(dir.path() / "base", dir.path() / "adapter", dir.path() / "merged",
                         {.dtype = dtype});
  };
  const auto status = merge(DType::kBf16);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, testing::AllOf(HasSubstr("BF16"), HasSubstr(name)));
  EXPECT_FALSE(fs::exists(dir.path() / "merged"));
  EXPECT_TRUE(merge(DType::kF32));
}

}  // namespace
}  // namespace kith::model
