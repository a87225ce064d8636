#include "kith/personalize/grounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::personalize {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(GroundingTest, FactsAreNumbersCodesAndNames) {
  EXPECT_THAT(find_facts("Send form HB-27 to Helen Varley within 14 days, says the VPN team."),
              ElementsAre("hb-27", "helen", "varley", "14", "vpn"));
  EXPECT_THAT(find_facts("Please restart the tablet. Then wait."), IsEmpty());
  EXPECT_THAT(find_facts("It costs 1,500 or 2.5 at 18:00."), ElementsAre("1500", "2.5", "18:00"));
}

TEST(GroundingTest, ATelephoneNumberIsOneFact) {
  EXPECT_THAT(find_facts("Ring +44 113 555 0148 now."), ElementsAre("44 113 555 0148"));
  Sources sources;
  sources.add("The field line is +44 113 555 0148, extension 4357.");
  EXPECT_TRUE(sources.has_fact("44 113 555 0148"));
  EXPECT_FALSE(sources.has_fact("44 113 555 0184"));
  EXPECT_FALSE(sources.has_fact("113 555 4357"));
}

TEST(GroundingTest, NumbersOfAListAreNoFacts) {
  EXPECT_THAT(find_facts("1. Switch it off.\n2. Wait 30 seconds.\n10) Call Joris."),
              ElementsAre("30", "joris"));
  EXPECT_THAT(find_facts("It opens at 9."), ElementsAre("9"));
}

TEST(GroundingTest, SentenceStartsAreNoNames) {
  EXPECT_THAT(find_facts("Your manager decides. Approval takes time: Ask early."), IsEmpty());
  EXPECT_THAT(find_facts("- Form goes first\n- Manager next"), IsEmpty());
}

TEST(GroundingTest, FindsFactsInChineseText) {
  EXPECT_THAT(find_facts("申请要填表单 HB-27，预订 14 天后关闭。"), ElementsAre("hb-27", "14"));
}

TEST(GroundingTest, OneUnknownNumberIsNamed) {
  Sources sources;
  sources.add("Requests close after 14 days. Use form HB-27.");
  const Grounding right = measure_grounding("Requests close after 14 days.", sources);
  EXPECT_DOUBLE_EQ(right.share, 1.0);
  EXPECT_THAT(right.unknown_facts, IsEmpty());
  const Grounding wrong = measure_grounding("Requests close after 15 days.", sources);
  EXPECT_THAT(wrong.unknown_facts, ElementsAre("15"));
}

TEST(GroundingTest, HyphenatedNumbersMatchTheirNumber) {
  Sources sources;
  sources.add("It is open for 14 days with a 30-minute break.");
  EXPECT_TRUE(sources.has_fact("14-day"));
  EXPECT_TRUE(sources.has_fact("30"));
  EXPECT_FALSE(sources.has_fact("15-day"));
  EXPECT_FALSE(sources.has_fact("hb-14"));
}

TEST(GroundingTest, ShareCountsContentWordsByTheirStem) {
  Sources sources;
  sources.add("The scanner restarts");
  EXPECT_DOUBLE_EQ(measure_grounding("Restarting the scanners", sources).share, 1.0);
  EXPECT_DOUBLE_EQ(measure_grounding("scanner elephant", sources).share, 0.5);
  EXPECT_DOUBLE_EQ(measure_grounding("it is the", sources).share, 1.0);
}

TEST(GroundingTest, OverlapIsTheShareOfTheWordsFound) {
  EXPECT_DOUBLE_EQ(measure_overlap({}, "text"), 0.0);
  EXPECT_DOUBLE_EQ(measure_overlap(content_words("vault form"), "the form is ready"), 0.5);
}

TEST(GroundingTest, BrokenUtf8IsHarmless) {
  EXPECT_NO_FATAL_FAILURE(find_facts("\xff\xfe 12 \xc3"));
  Sources sources;
  sources.add("\xf0\x9f\x98");
  EXPECT_FALSE(sources.has_fact("12"));
}

}  // namespace
}  // namespace kith::personalize
