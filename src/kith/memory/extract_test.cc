#include "kith/memory/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::memory {
namespace {

using testing::HasSubstr;

Passage passage(const char* id, const char* heading, const std::string& text, std::size_t start,
                double score) {
  return Passage{DocumentId(id), "Title", heading, "en", text, start, start + text.size(), score};
}

TEST(ExtractTest, QuotesTheFittingSentenceWithItsPlace) {
  const std::vector<Passage> passages{
      passage("a", "VPN", "Open the client first. The session lasts ten hours. Then it ends.", 100,
              5.0),
      passage("b", "Print", "Paper is on floor two.", 0, 2.0)};
  const auto answer =
      extract_answer("How long does a VPN session last?", passages, {.max_sentences = 1});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "The session lasts ten hours.");
  ASSERT_EQ(answer->quotes.size(), 1U);
  EXPECT_EQ(answer->quotes[0].passage, 0U);
  EXPECT_EQ(answer->quotes[0].start, 123U);
  EXPECT_EQ(answer->quotes[0].end, 151U);
  EXPECT_DOUBLE_EQ(answer->coverage, 1.0);
}

TEST(ExtractTest, PrefersASentenceWithANumberWhenOneIsAskedFor) {
  const std::vector<Passage> passages{
      passage("a", "", "The badge must be returned. The badge works for 14 days.", 0, 1.0)};
  const auto answer =
      extract_answer("How long does the badge work?", passages, {.max_sentences = 1});
  EXPECT_EQ(answer->text, "The badge works for 14 days.");
  const auto counted =
      extract_answer("For how many of them is the badge?", passages, {.max_sentences = 1});
  EXPECT_THAT(counted->text, HasSubstr("14"));
}

TEST(ExtractTest, AnswersInChinese) {
  const std::vector<Passage> passages{
      passage("a", "", "每个账号最多绑定 3 台设备。二维码只在 90 秒内有效。", 0, 1.0)};
  EXPECT_EQ(extract_answer("二维码多长时间过期？", passages, {.max_sentences = 1})->text,
            "二维码只在 90 秒内有效。");
}

TEST(ExtractTest, SaysHowMuchOfTheQuestionIsCovered) {
  const std::vector<Passage> passages{passage("a", "", "Printers are blue.", 0, 1.0)};
  const auto half = extract_answer("printers dividends", passages);
  ASSERT_TRUE(half);
  EXPECT_GT(half->coverage, 0.0);
  EXPECT_LT(half->coverage, 0.5);  // the missing word is the rarer one
}

TEST(ExtractTest, HasNoAnswerWithoutACommonWord) {
  const std::vector<Passage> passages{passage("a", "Dividends", "Printers are blue.", 0, 1.0)};
  EXPECT_FALSE(extract_answer("quarterly figures", passages));
  EXPECT_FALSE(extract_answer("what is it?", passages));
  EXPECT_FALSE(extract_answer("dividends", {}));
}

TEST(ExtractTest, StaysWithinItsLength) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "The lease number " + std::to_string(i) + " is long. ";
  const std::vector<Passage> passages{passage("a", "", text, 0, 1.0)};
  const auto answer = extract_answer("lease", passages, {.max_sentences = 10, .max_bytes = 70});
  EXPECT_LE(answer->text.size(), 70U);
  EXPECT_GE(answer->quotes.size(), 2U);
  EXPECT_LT(answer->quotes[0].start, answer->quotes[1].start);
}

}  // namespace
}  // namespace kith::memory
