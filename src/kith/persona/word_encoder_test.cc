#include "kith/persona/word_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/persona/teacher_vectors.h"

namespace kith::persona {
namespace {

using testing::HasSubstr;

// Two topics, and their teacher's vectors: one axis each.
struct Lesson {
  std::vector<std::string> texts;
  std::vector<float> vectors;
};

Lesson two_topics() {
  Lesson lesson;
  const std::vector<std::string> money{"pay", "bank", "bill", "cash", "loan"};
  const std::vector<std::string> music{"song", "album", "band", "tune", "chord"};
  for (std::size_t i = 0; i < 25; ++i) {
    lesson.texts.push_back("about the " + money[i % 5] + " and the " + money[i / 5]);
    lesson.vectors.insert(lesson.vectors.end(), {1.0F, 0.0F});
    lesson.texts.push_back("about the " + music[i % 5] + " and the " + music[i / 5]);
    lesson.vectors.insert(lesson.vectors.end(), {0.0F, 1.0F});
  }
  return lesson;
}

std::shared_ptr<const WordEncoder> train(std::uint64_t seed = 3) {
  const Lesson lesson = two_topics();
  auto encoder = WordEncoder::train(
      lesson.texts, lesson.vectors, 2,
      {.hidden = 16, .epochs = 30, .seed = seed, .provenance = R"({"teacher": "two axes"})"});
  EXPECT_TRUE(encoder.has_value()) << encoder.error().message;
  return *std::move(encoder);
}

std::vector<float> vector_of(const WordEncoder& encoder, std::string_view text) {
  std::vector<float> vector(encoder.dimensions());
  EXPECT_TRUE(encoder.encode(text, vector));
  return vector;
}

TEST(WordEncoderTest, LearnsItsTeachersVectors) {
  const auto encoder = train();
  EXPECT_GT(vector_of(*encoder, "a bank loan")[0], 0.9F);
  EXPECT_GT(vector_of(*encoder, "the band plays a tune")[1], 0.9F);
  EXPECT_THAT(encoder->card(), HasSubstr("\"teacher\": \"two axes\""));
}

TEST(WordEncoderTest, VectorsHaveLengthOneOrZero) {
  const auto encoder = train();
  for (const std::string_view text : {"a bank loan", "zzz", "", "\xff\xff"}) {
    const auto vector = vector_of(*encoder, text);
    const float squares = std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0F);
    EXPECT_TRUE(squares == 0.0F || std::abs(squares - 1.0F) < 1e-4F) << squares;
  }
}

TEST(WordEncoderTest, ReadsTheBeginningAndTheEndOfALongText) {
  const auto encoder = train();
  const std::string begin = std::string(248, 'x') + " a bank ";
  const std::string end = " a loan " + std::string(248, 'y');
  EXPECT_EQ(vector_of(*encoder, begin + std::string(2000, 'z') + end),
            vector_of(*encoder, begin + " the band plays a tune and a song " + end));
}

TEST(WordEncoderTest, SameSeedSameHash) {
  EXPECT_EQ(train()->hash(), train()->hash());
  EXPECT_NE(train()->hash(), train(4)->hash());
}

TEST(WordEncoderTest, WhatIsLoadedGivesTheVectorsOfWhatWasSaved) {
  const base::TestDirectory dir;
  const auto saved = train();
  ASSERT_TRUE(saved->save(dir.path() / "encoder"));
  const auto loaded = WordEncoder::load(dir.path() / "encoder");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->hash(), saved->hash());
  EXPECT_EQ(vector_of(**loaded, "a bank loan"), vector_of(*saved, "a bank loan"));
}

TEST(WordEncoderTest, RefusesFilesThatDoNotFit) {
  const base::TestDirectory dir;
  EXPECT_EQ(WordEncoder::load(dir.path() / "none").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(train()->save(dir.path() / "encoder"));
  const auto weights = dir.path() / "encoder" / "encoder.safetensors";
  const std::string bytes = *base::read_file(weights);
  std::ofstream(weights, std::ios::binary) << bytes.substr(0, bytes.size() - 1);
  EXPECT_EQ(WordEncoder::load(dir.path() / "encoder").error().code, ErrorCode::kConflict);
  std::ofstream(dir.path() / "encoder" / "card.json") << R"({"schema": 2})";
  EXPECT_THAT(WordEncoder::load(dir.path() / "encoder").error().message, HasSubstr("schema"));
}

// Counts the texts that it was asked for.
class CountingTeacher final : public TextEncoder {
 public:
  std::string hash() const override { return "00000000000000aa"; }
  std::size_t dimensions() const override { return 2; }
  Status encode(std::string_view text, std::span<float> vector) const override {
    if (++asked_ > allowed_) return Error{ErrorCode::kUnavailable, "killed"};
    vector[0] = static_cast<float>(text.size());
    vector[1] = 0.5F;
    return {};
  }
  void allow(int texts) { allowed_ = texts; }
  int asked() const { return asked_; }

 private:
  mutable int asked_ = 0;
  int allowed_ = 1 << 30;
};

TEST(TeacherVectorsTest, ARunThatWasKilledGoesOnWhereItWas) {
  const base::TestDirectory dir;
  const auto file = dir.path() / "vectors.safetensors";
  std::vector<std::string> texts(10'000);
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = std::string(i % 50, 'x');
  CountingTeacher first;
  first.allow(9000);
  EXPECT_FALSE(teacher_vectors(texts, first, file, {}));
  CountingTeacher second;
  const auto resumed = teacher_vectors(texts, second, file, {});
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_EQ(second.asked(), 10'000 - 8192);
  EXPECT_EQ(*resumed, *teacher_vectors(texts, CountingTeacher(), {}, {}));
  EXPECT_EQ((*resumed)[2 * 49], 49.0F);
}

TEST(TeacherVectorsTest, VectorsOfOtherTextsAreRefused) {
  const base::TestDirectory dir;
  const auto file = dir.path() / "vectors.safetensors";
  const std::vector<std::string> texts{"a", "b"};
  const std::vector<std::string> others{"a", "c"};
  ASSERT_TRUE(teacher_vectors(texts, CountingTeacher(), file, {}));
  EXPECT_EQ(teacher_vectors(others, CountingTeacher(), file, {}).error().code,
            ErrorCode::kConflict);
}

TEST(WordEncoderTest, RefusesLessonsThatDoNotFit) {
  const Lesson lesson = two_topics();
  EXPECT_FALSE(WordEncoder::train(lesson.texts, lesson.vectors, 3, {}));
  EXPECT_FALSE(WordEncoder::train(lesson.texts, lesson.vectors, 2, {.features = 0}));
  EXPECT_FALSE(WordEncoder::train(lesson.texts, lesson.vectors, 2, {.provenance = "[]"}));
}

}  // namespace
}  // namespace kith::persona
