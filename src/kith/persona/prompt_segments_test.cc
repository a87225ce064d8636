#include "kith/persona/prompt_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kith::persona {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> pieces(std::string_view prompt) {
  std::vector<std::string> out;
  for (const text::Span span : segments_between(prompt, find_borders(prompt))) {
    out.emplace_back(prompt.substr(span.begin, span.size()));
  }
  return out;
}

TEST(PromptSegmentsTest, ASinglePlainRequestIsWhole) {
  for (const char* prompt :
       {"How do I reset the password of my mailbox?", "tablet wont sync no signal at site",
        "I need a laptop and a dock for the new desk in Leeds.", "", "   ", "?"}) {
    EXPECT_THAT(find_borders(prompt), IsEmpty()) << prompt;
  }
}

TEST(PromptSegmentsTest, CutsBetweenSentencesLinesAndParagraphs) {
  EXPECT_THAT(pieces("The printer is broken again. Who is going to repair it?"),
              ElementsAre("The printer is broken again.", "Who is going to repair it?"));
  const auto lines = find_borders("Show me the costs\nand how do i log in?");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].kind, BorderKind::kLine);
  EXPECT_EQ(lines[0].linker, Linker::kWeak);
  const auto paragraphs = find_borders("Show me the costs.\r\n\r\nHow do I log in?");
  ASSERT_EQ(paragraphs.size(), 1U);
  EXPECT_EQ(paragraphs[0].kind, BorderKind::kParagraph);
}

TEST(PromptSegmentsTest, LinkingWordsBelongToTheBorder) {
  EXPECT_THAT(pieces("Who owns the vendor risk now? By the way, my tablet does not start."),
              ElementsAre("Who owns the vendor risk now?", "my tablet does not start."));
  EXPECT_THAT(pieces("Who owns the vendor risk now? Oh, and also: my tablet is dead."),
              ElementsAre("Who owns the vendor risk now?", "my tablet is dead."));
  const auto borders = find_borders("I need one line for the board; separately, why is it slow");
  ASSERT_EQ(borders.size(), 1U);
  EXPECT_EQ(borders[0].kind, BorderKind::kSemicolon);
  EXPECT_EQ(borders[0].linker, Linker::kStrong);
}

TEST(PromptSegmentsTest, AClauseIsCutOnlyWhereWordsJoinIt) {
  EXPECT_THAT(pieces("tell me what it costs us, and which form do I file for it"),
              ElementsAre("tell me what it costs us", "which form do I file for it"));
  EXPECT_THAT(pieces("tell me what it costs us and how do I file for it"),
              ElementsAre("tell me what it costs us", "how do I file for it"));
  EXPECT_THAT(pieces("my phone, my laptop, my tablet were stolen yesterday evening"),
              ElementsAre("my phone, my laptop, my tablet were stolen yesterday evening"));
}

TEST(PromptSegmentsTest, AbbreviationsInitialsAndNumbersEndNothing) {
  for (const char* prompt : {"Please call Dr. Jansen about the badge of J. Smith today",
                             "Update version 3.5 of the client, e.g. on my own laptop here",
                             "We stay below 3.4 % of revenue this year with article no. 5 of it"}) {
    EXPECT_THAT(find_borders(prompt), IsEmpty()) << prompt;
  }
}

TEST(PromptSegmentsTest, ChineseIsCutAtItsOwnMarks) {
  EXPECT_THAT(pieces("停线一小时损失多少？另外，我的平板打不开怎么办"),
              ElementsAre("停线一小时损失多少？", "我的平板打不开怎么办"));
}

TEST(PromptSegmentsTest, PastedTextHasNoBorders) {
  std::string log;
  for (int i = 0; i < 40; ++i) log += "error in line so and so\n";
  EXPECT_THAT(find_borders(log), IsEmpty());
  EXPECT_THAT(find_borders(std::string(kMaxSegmentedBytes + 1, 'a')), IsEmpty());
}

TEST(PromptSegmentsTest, PiecesTooShortToAskForAnythingStayWhereTheyAre) {
  EXPECT_THAT(find_borders("Hello there. My tablet does not start any more"), IsEmpty());
  EXPECT_THAT(find_borders("My tablet does not start any more. Thank you!"), IsEmpty());
}

}  // namespace
}  // namespace kith::persona
