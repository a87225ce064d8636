#include "kith/personalize/shadow_measures.h"

#include <gtest/gtest.h>

namespace kith::personalize {
namespace {

Yardstick yardstick(const std::string& format = "", const std::string& language = "") {
  Yardstick stick;
  stick.sources.add("The badge office opens at 07:30. Call extension 4411 for lost badges.");
  stick.has_passages = true;
  stick.style.format = format;
  stick.language = language;
  return stick;
}

TEST(ShadowMeasuresTest, FactsThatNoSourceHoldsAreCounted) {
  const auto right = measure_draft("The badge office opens at 07:30.", "stop", yardstick());
  EXPECT_EQ(right.at("grounding"), 1.0);
  EXPECT_EQ(right.at("unknown_facts"), 0.0);
  const auto wrong =
      measure_draft("The badge office opens at 09:15; call 9999.", "stop", yardstick());
  EXPECT_EQ(wrong.at("unknown_facts"), 2.0);
  Yardstick without = yardstick();
  without.has_passages = false;
  EXPECT_FALSE(measure_draft("At 09:15.", "stop", without).contains("grounding"));
}

TEST(ShadowMeasuresTest, TheLayoutIsTheOneThatTheCardAsksFor) {
  const auto layout = [](const char* text, const char* format) {
    return measure_draft(text, "stop", yardstick(format)).at("layout");
  };
  EXPECT_EQ(layout("1. Go there.\n2. Ask.", "numbered steps"), 1.0);
  EXPECT_EQ(layout("Go there and ask. In 2026. It opens.", "numbered steps"), 0.0);
  EXPECT_EQ(layout("- Go there.\n- Ask.", "procedure with dashes"), 1.0);
  EXPECT_EQ(layout("Go there - then ask.", "procedure with dashes"), 0.0);
  EXPECT_EQ(layout("Go there. Ask.", "two sentences; no step lists"), 1.0);
  EXPECT_EQ(layout("Do this:\n1) Go there.", "two sentences; no step lists"), 0.0);
  EXPECT_FALSE(measure_draft("Go.", "stop", yardstick()).contains("layout"));
}

TEST(ShadowMeasuresTest, LanguageLengthAndEndAreTold) {
  const char* english = "The badge office opens early in the morning and closes in the evening.";
  EXPECT_EQ(measure_draft(english, "stop", yardstick("", "en")).at("language"), 1.0);
  EXPECT_EQ(measure_draft(english, "stop", yardstick("", "zh")).at("language"), 0.0);
  const auto measures = measure_draft(english, "length", yardstick());
  EXPECT_FALSE(measures.contains("language"));
  EXPECT_EQ(measures.at("cut"), 1.0);
  EXPECT_EQ(measures.at("words"), 13.0);
  EXPECT_EQ(measures.at("repetition"), 0.0);
  EXPECT_EQ(measure_draft("", "stop", yardstick("dashes", "en")).at("words"), 0.0);
}

TEST(ShadowMeasuresTest, WordsInCommonAreAShareOfAll) {
  EXPECT_EQ(words_in_common("The badge office opens.", "The badge office opens!"), 1.0);
  EXPECT_EQ(words_in_common("badge office", "printer toner"), 0.0);
  EXPECT_NEAR(words_in_common("badge office", "badge printer"), 1.0 / 3.0, 1e-9);
  EXPECT_EQ(words_in_common("", ""), 1.0);
}

}  // namespace
}  // namespace kith::personalize
