#include "kith/text/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/text/language.h"
#include "kith/text/readability.h"

namespace kith::text {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> sentences_of(std::string_view text) {
  std::vector<std::string> out;
  for (const Span span : split_sentences(text)) {
    out.emplace_back(text.substr(span.begin, span.size()));
  }
  return out;
}

TEST(SegmentWordsTest, LowersWordsAndDropsMarks) {
  EXPECT_THAT(segment_words("Reset the VPN-Client, v2.5!"),
              ElementsAre("reset", "the", "vpn", "client", "v2", "5"));
  EXPECT_THAT(segment_words("snake_case Größe"), ElementsAre("snake", "case", "größe"));
  EXPECT_THAT(segment_words(" -- … "), IsEmpty());
}

TEST(SegmentWordsTest, FoldsApostrophes) {
  EXPECT_THAT(segment_words("don't the user's user’s users' 'quoted'"),
              ElementsAre("dont", "the", "user", "user", "users", "quoted"));
}

TEST(SegmentWordsTest, IndexesChineseByPairs) {
  EXPECT_THAT(segment_words("重置密码"), ElementsAre("重置", "置密", "密码"));
  EXPECT_THAT(segment_words("请 帮"), ElementsAre("请", "帮"));
  EXPECT_THAT(segment_words("打开Outlook邮箱。好"), ElementsAre("打开", "outlook", "邮箱", "好"));
  EXPECT_THAT(segment_words("プリンター"), ElementsAre("プリ", "リン", "ンタ", "ター"));
}

TEST(SegmentWordsTest, ReadsWideLettersAsOrdinaryOnes) {
  EXPECT_THAT(segment_words("ＶＰＮ１２"), ElementsAre("vpn12"));
}

TEST(SegmentWordsTest, SurvivesIllFormedText) {
  EXPECT_THAT(segment_words("ab\xFF\xE6"), ElementsAre("ab"));
  EXPECT_EQ(to_index_text("New 密码!"), "new 密码");
}

TEST(SplitSentencesTest, EndsAtMarksBeforeWhiteSpace) {
  EXPECT_THAT(sentences_of("It works. Does it? Yes!  (Sure.) End"),
              ElementsAre("It works.", "Does it?", "Yes!", "(Sure.)", "End"));
  EXPECT_THAT(sentences_of("Version 3.5 of kith.toml costs $1.20 a day."),
              ElementsAre("Version 3.5 of kith.toml costs $1.20 a day."));
  EXPECT_THAT(sentences_of("\"Stop.\" She left... Then nothing?!"),
              ElementsAre("\"Stop.\"", "She left...", "Then nothing?!"));
}

TEST(SplitSentencesTest, KnowsAbbreviationsAndInitials) {
  EXPECT_THAT(sentences_of("Ask Dr. Lee or J. Smith, e.g. by mail. See fig. 3."),
              ElementsAre("Ask Dr. Lee or J. Smith, e.g. by mail.", "See fig. 3."));
}

TEST(SplitSentencesTest, CutsChineseWithoutSpaces) {
  EXPECT_THAT(sentences_of("打开设置。“好吗？”他问！版本3.5。"),
              ElementsAre("打开设置。", "“好吗？”", "他问！", "版本3.5。"));
}

TEST(SplitSentencesTest, KeepsHeadingsAndListItemsApart) {
  EXPECT_THAT(
      sentences_of("## Before you start\nYou need a\nbadge. And a key\n\n1. Open it\n2. Go\n"
                   "- last"),
      ElementsAre("## Before you start", "You need a\nbadge.", "And a key", "1. Open it", "2. Go",
                  "- last"));
}

TEST(SplitSentencesTest, LosesNothingButWhiteSpace) {
  const std::string text = " One.  Two\xFF three? 四。\n\n五\t";
  std::string rest = text;
  for (const Span span : split_sentences(text)) {
    ASSERT_LT(span.begin, span.end);
    for (std::size_t i = span.begin; i < span.end; ++i) rest[i] = ' ';
  }
  EXPECT_EQ(rest.find_first_not_of(" \n\t"), std::string::npos);
  EXPECT_THAT(split_sentences(" \n "), IsEmpty());
}

TEST(DetectLanguageTest, TellsEnglishFromChinese) {
  const Language english = detect_language("How do I reset the password of my account?");
  EXPECT_EQ(english.code, "en");
  EXPECT_TRUE(english.is_reliable);
  const Language chinese = detect_language("打印机不能打印，请帮忙");
  EXPECT_EQ(chinese.code, "zh");
  EXPECT_TRUE(chinese.is_reliable);
  EXPECT_EQ(detect_language("请帮我 reset 密码").code, "zh");
  EXPECT_EQ(detect_language("プリンターが印刷できません").code, "ja");
  EXPECT_EQ(detect_language("프린터가 작동하지 않습니다").code, "ko");
}

TEST(DetectLanguageTest, DoesNotPretendToKnowShortTexts) {
  for (const std::string_view text :
       {"vpn", "ok thanks", "reset 密码 please", "Outlook", "123 !", ""}) {
    EXPECT_FALSE(detect_language(text).is_reliable) << text;
  }
  EXPECT_EQ(detect_language("12 + 3").code, "");
}

TEST(DetectLanguageTest, DoesNotTakeOtherLanguagesForEnglish) {
  const Language german =
      detect_language("Der Drucker im dritten Stock druckt seit gestern keine Seiten mehr aus.");
  EXPECT_NE(german.code, "en");
  EXPECT_NE(detect_language("Принтер не печатает, пожалуйста проверьте сеть и кабель").code, "en");
}

TEST(ReadabilityTest, CountsSyllables) {
  EXPECT_EQ(count_syllables("cat"), 1U);
  EXPECT_EQ(count_syllables("make"), 1U);
  EXPECT_EQ(count_syllables("table"), 2U);
  EXPECT_EQ(count_syllables("asked"), 1U);
  EXPECT_EQ(count_syllables("needed"), 2U);
  EXPECT_EQ(count_syllables("wages"), 2U);
  EXPECT_EQ(count_syllables("yesterday"), 3U);
  EXPECT_EQ(count_syllables("administrator"), 5U);
  EXPECT_EQ(count_syllables("x"), 1U);
}

// By hand: 12 one-syllable words in 2 sentences: 0.39 * 6 + 11.8 * 1 - 15.59 = -1.45.
TEST(ReadabilityTest, ComputesTheGrade) {
  const TextStatistics plain = measure_text("The cat sat on the mat. It saw a big brown dog.");
  EXPECT_EQ(plain.sentences, 2U);
  EXPECT_EQ(plain.words, 12U);
  EXPECT_EQ(plain.syllables, 12U);
  EXPECT_NEAR(plain.flesch_kincaid_grade(), -1.45, 1e-9);
  const TextStatistics hard = measure_text(
      "Administrators occasionally encounter authentication irregularities necessitating "
      "comprehensive investigation of organizational infrastructure.");
  EXPECT_GT(hard.flesch_kincaid_grade(), plain.flesch_kincaid_grade() + 10.0);
  EXPECT_EQ(measure_text("").flesch_kincaid_grade(), 0.0);
}

TEST(ReadabilityTest, MeasuresChineseByCharacters) {
  const TextStatistics statistics = measure_text("打开设置。重启电脑VPN！");
  EXPECT_EQ(statistics.sentences, 2U);
  EXPECT_EQ(statistics.unspaced_characters, 8U);
  EXPECT_EQ(statistics.words, 1U);
  EXPECT_DOUBLE_EQ(statistics.mean_sentence_length(), 4.5);
}

}  // namespace
}  // namespace kith::text
