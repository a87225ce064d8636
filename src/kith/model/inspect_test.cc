#include "kith/model/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kith/base/test_directory.h"
#include "kith/model/compare.h"
#include "kith/model/test_model.h"

namespace kith::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(InspectTest, CountsEveryTensorOfEveryFamily) {
  for (const auto family :
       {TinyFamily::kLlama, TinyFamily::kMistral, TinyFamily::kQwen2, TinyFamily::kQwen3}) {
    const base::TestDirectory dir;
    write_tiny_model(dir.path(), 1, family);
    const auto report = inspect_checkpoint(dir.path(), Depth::kValues);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->problems, IsEmpty());
    EXPECT_THAT(report->ignored, IsEmpty());
    EXPECT_EQ(report->num_tensors, static_cast<int>(tiny_weights(1, family).size()));
    EXPECT_EQ(report->values.at("F32"), report->config.num_parameters());
    EXPECT_EQ(report->bytes, 4U * static_cast<std::size_t>(report->config.num_parameters()));
  }
}

TEST(InspectTest, ListsEveryProblemByName) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1);
  NamedTensors tensors = tiny_weights(1);
  tensors.erase("model.layers.0.mlp.up_proj.weight");
  tensors["model.layers.2.self_attn.o_proj.weight"].values[5] =
      std::numeric_limits<float>::infinity();
  tensors["model.norm.weight"].shape = {4, 8};
  tensors["model.rotary_emb.inv_freq"] = {{1}, {1.0F}};
  write_tensors(dir.path() / "model.safetensors", tensors);
  const auto report = inspect_checkpoint(dir.path(), Depth::kValues);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->problems,
              ElementsAre(HasSubstr("lacks tensor model.layers.0.mlp.up_proj.weight"),
                          HasSubstr("model.layers.2.self_attn.o_proj.weight holds values"),
                          HasSubstr("model.norm.weight must have shape [32]: [4, 8]")));
  EXPECT_THAT(report->ignored, ElementsAre("model.rotary_emb.inv_freq"));
  EXPECT_FALSE(check_plain_checkpoint(dir.path()));
  EXPECT_THAT(inspect_checkpoint(dir.path(), Depth::kShapes)->problems, testing::SizeIs(2));
}

TEST(CompareTest, ADecoderAgreesWithItself) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1);
  const auto f32 = *Decoder::load(dir.path(), {tensor::DType::kF32, 1});
  const auto int8 = *Decoder::load(dir.path(), {tensor::DType::kInt8, 1});
  std::vector<text::TokenId> tokens;
  for (int i = 0; i < 200; ++i) tokens.push_back(i * 37 % 97);
  const auto same = compare_decoders(*f32, *f32, tokens, 128);
  ASSERT_TRUE(same) << same.error().message;
  // Two windows; the first token of each is given.
  EXPECT_EQ(same->tokens, 198);
  EXPECT_EQ(same->same_top, 1.0);
  EXPECT_EQ(same->perplexity, same->reference_perplexity);
  EXPECT_EQ(same->largest_difference, 0.0);

  // What the window holds is read as if it were whole: the perplexity by hand from the logits.
  const auto logits = whole_logits(*f32, std::span(tokens).first(128));
  double loss = 0.0;
  for (std::size_t i = 0; i + 1 < 128; ++i) {
    double total = 0.0;
    for (std::size_t n = 0; n < 97; ++n) total += std::exp(double{logits[i * 97 + n]});
    loss += std::log(total) - double{logits[i * 97 + static_cast<std::size_t>(tokens[i + 1])]};
  }
  const auto first = compare_decoders(*f32, *int8, std::span(tokens).first(128), 128);
  ASSERT_TRUE(first);
  EXPECT_NEAR(first->reference_perplexity, std::exp(loss / 127.0), 1e-3);
  EXPECT_GT(first->largest_difference, 0.0);
  EXPECT_GT(first->same_top, 0.8);
}

TEST(CompareTest, RefusesWhatCannotBeCompared) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1);
  const auto decoder = *Decoder::load(dir.path(), {tensor::DType::kF32, 1});
  const std::vector<text::TokenId> tokens{1, 2, 3};
  EXPECT_FALSE(compare_decoders(*decoder, *decoder, std::span(tokens).first(1), 16));
  EXPECT_FALSE(compare_decoders(*decoder, *decoder, tokens, 1));
  EXPECT_FALSE(compare_decoders(*decoder, *decoder, tokens, 129));
}

}  // namespace
}  // namespace kith::model
