#include "kith/persona/writing_style.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/persona/language_groups.h"

namespace kith::persona {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

auto near(double value) { return FloatNear(static_cast<float>(value), 1e-5F); }

// Counted by hand: 9 words of 29 characters in two sentences, one comma, two digits among 39
// characters.
TEST(WritingStyleTest, CountsWhatAMessageLooksLike) {
  const std::string text = "Hello, why is code 42 here? It fails at";
  ASSERT_EQ(text.size(), 39U);
  EXPECT_THAT(measure_style(text),
              ElementsAre(1, 0, 1, 0, near(std::log1p(9.0)), near(std::log1p(4.5)),
                          near(2.0 / 39.0), near(1.0 / 9.0), near(29.0 / 9.0)));
}

TEST(WritingStyleTest, SeesMarksAndCase) {
  const auto shouting = measure_style("NO!");
  EXPECT_EQ(shouting[0], 1.0F);
  EXPECT_EQ(shouting[1], 1.0F);
  EXPECT_EQ(shouting[3], 1.0F);
  const auto plain = measure_style("tablet wont sync");
  EXPECT_EQ(plain[0], 0.0F);
  EXPECT_EQ(plain[1], 0.0F);
}

TEST(WritingStyleTest, CountsHanCharactersAsWords) {
  const auto style = measure_style("打不开，怎么办？");
  EXPECT_EQ(style[2], 1.0F);
  EXPECT_NEAR(style[4], std::log1p(6.0), 1e-5);
  EXPECT_NEAR(style[7], 1.0 / 6.0, 1e-6);
}

TEST(WritingStyleTest, NothingWithoutWords) {
  for (const char* text : {"", "?!", "\xff\xfe"}) {
    EXPECT_EQ(measure_style(text), (std::array<float, kStyleFeatures>{})) << text;
  }
}

TEST(LanguageGroupsTest, TakesOutWhatTheLanguageExplains) {
  UserVectors vectors{.dimensions = 1,
                      .values = {1, 3, 101, 103, 50, 7},
                      .known = {true, true, true, true, true, false}};
  center_by_language({"en", "en", "zh", "zh", "nl", "en"}, {0, 1, 2, 3, 4}, 2, false, vectors);
  EXPECT_THAT(vectors.values, ElementsAre(-1, 1, -1, 1, 0, 7));
}

TEST(LanguageGroupsTest, ScalesWhatVariesAndDropsWhatDoesNot) {
  UserVectors vectors{.dimensions = 2, .values = {1, 5, 5, 5}, .known = {true, true}};
  center_by_language({"en", "en"}, {0, 1}, 2, true, vectors);
  EXPECT_THAT(vectors.values, ElementsAre(near(-1), 0, near(1), 0));
}

}  // namespace
}  // namespace kith::persona
