#include "kith/model/soft_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/test_directory.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SoftPromptTest, RowsAreThoseGiven) {
  const auto prompt = SoftPrompt::create({1, 2, 3, 4, 5, 6}, 3);
  ASSERT_TRUE(prompt);
  EXPECT_EQ((*prompt)->rows(), 2);
  EXPECT_THAT((*prompt)->row(1), ElementsAre(4, 5, 6));
}

TEST(SoftPromptTest, TheKeyIsThatOfShapeAndValues) {
  const auto key = [](std::vector<float> values, int width) {
    return (*SoftPrompt::create(std::move(values), width))->key();
  };
  EXPECT_EQ(key({1, 2, 3, 4}, 2), key({1, 2, 3, 4}, 2));
  EXPECT_NE(key({1, 2, 3, 4}, 2), key({1, 2, 3, 4}, 4));
  EXPECT_NE(key({1, 2, 3, 4}, 2), key({1, 2, 3, 5}, 2));
}

TEST(SoftPromptTest, RefusesWhatIsNoMatrixOfNumbers) {
  EXPECT_FALSE(SoftPrompt::create({}, 3));
  EXPECT_FALSE(SoftPrompt::create({1, 2}, 0));
  EXPECT_THAT(SoftPrompt::create({1, 2}, 3).error().message, HasSubstr("rows of 3 values: 2"));
  EXPECT_THAT(SoftPrompt::create({1, NAN}, 2).error().message, HasSubstr("finite"));
}

TEST(SoftPromptTest, ReadsOneTensorAndNothingPickled) {
  const base::TestDirectory directory;
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto bytes = std::as_bytes(std::span(values));
  const auto file = directory.path() / "user.safetensors";
  const auto save = [&](std::vector<tensor::TensorToSave> tensors) {
    ASSERT_TRUE(tensor::save_safetensors(file, tensors));
  };
  save({{"embeddings", tensor::DType::kF32, {1, 3, 2}, bytes}});
  const auto prompt = SoftPrompt::load(file);
  ASSERT_TRUE(prompt) << prompt.error().message;
  EXPECT_EQ((*prompt)->rows(), 3);
  EXPECT_THAT((*prompt)->row(2), ElementsAre(5, 6));
  const tensor::TensorToSave tensor{"embeddings", tensor::DType::kF32, {3, 2}, bytes};
  const auto in_memory = *tensor::serialize_safetensors({&tensor, 1});
  const auto parsed = SoftPrompt::parse(std::as_bytes(std::span(in_memory)));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ((*parsed)->key(), (*prompt)->key());
  for (const std::string_view pickled : {"", "\x80\x02}q", "PK\x03\x04 a torch archive"}) {
    EXPECT_FALSE(SoftPrompt::parse(std::as_bytes(std::span(pickled))));
  }
  save({{"embeddings", tensor::DType::kF32, {6}, bytes}});
  EXPECT_THAT(SoftPrompt::load(file).error().message, HasSubstr("[rows, width]"));
  save({{"a", tensor::DType::kF32, {3, 2}, bytes}, {"b", tensor::DType::kF32, {3, 2}, bytes}});
  EXPECT_THAT(SoftPrompt::load(file).error().message, HasSubstr("one tensor: 2"));
  EXPECT_THAT(SoftPrompt::load(directory.write("user.pt", "x")).error().message,
              HasSubstr(".safetensors"));
  EXPECT_EQ(SoftPrompt::load(directory.path() / "no.safetensors").error().code,
            ErrorCode::kNotFound);
}

TEST(SoftPromptTest, RawBytesAreDecodedAsTheTypeSays) {
  const std::vector<float> values{1.5F, -2.0F};
  EXPECT_EQ(*decode_values(std::as_bytes(std::span(values)), "f32"), values);
  const std::vector<std::uint16_t> halves{0x3E00, 0xC000};
  EXPECT_EQ(*decode_values(std::as_bytes(std::span(halves)), "f16"), values);
  EXPECT_THAT(decode_values(std::as_bytes(std::span(halves)).first(3), "f16").error().message,
              HasSubstr("whole values"));
  EXPECT_THAT(decode_values({}, "pickle").error().message, HasSubstr("f32 or f16"));
}

}  // namespace
}  // namespace kith::model
