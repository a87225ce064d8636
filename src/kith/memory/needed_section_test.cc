#include "kith/memory/needed_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::memory {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kOffline = {"offline", "no signal", "离线"};

storage::DocumentRow document_of(const std::string& text) {
  storage::DocumentRow row;
  row.id = DocumentId("kb-1");
  row.title = "Orders";
  row.text = text;
  return row;
}

std::string heading_of(const std::string& text) {
  const auto section = find_needed_section(document_of(text), kOffline);
  return section ? section->heading : "none";
}

std::vector<std::string> quotes_of(const Passage& passage) {
  std::vector<std::string> texts;
  for (const Quote& quote : quote_needed_section(passage, 3, kOffline)) {
    EXPECT_EQ(quote.passage, 3U);
    texts.push_back(passage.text.substr(quote.start - passage.start, quote.end - quote.start));
  }
  return texts;
}

TEST(NeededSectionTest, TheHeadingSaysWhatASectionIsAbout) {
  EXPECT_EQ(heading_of("## Syncing\n\nPull the list down.\n\n## No Signal at the site\n\n"
                       "Keep working. Ring later."),
            "No Signal at the site");
}

TEST(NeededSectionTest, AMentionInPassingIsNoSection) {
  EXPECT_EQ(heading_of("## Shields\n\nTablets that were offline turn orange. Wait an hour."),
            "none");
  EXPECT_EQ(heading_of("## Shields\n\nGo offline first. Work offline. Done."), "Shields");
}

TEST(NeededSectionTest, InADocumentOnTheTopicOneSentenceIsEnough) {
  storage::DocumentRow document =
      document_of("## First\n\nTake it along.\n\n## Then\n\nGo offline.");
  EXPECT_FALSE(find_needed_section(document, kOffline));
  document.title = "Working with no signal";
  const auto section = find_needed_section(document, kOffline);
  ASSERT_TRUE(section);
  EXPECT_EQ(section->heading, "Then");
}

TEST(NeededSectionTest, OnlyWholeWordsCount) {
  EXPECT_EQ(heading_of("## Offliners\n\nWait for them."), "none");
  EXPECT_EQ(heading_of("## 离线使用\n\n可以继续工作。"), "离线使用");
}

TEST(NeededSectionTest, QuotesWhatHoldsAWordFirstAndKeepsTheOrder) {
  const auto section = find_needed_section(
      document_of("Intro.\n\n## No signal\n\nKeep working. Wait. Orders are kept offline. Rest."),
      kOffline);
  ASSERT_TRUE(section);
  EXPECT_EQ(section->title, "Orders");
  EXPECT_THAT(quotes_of(*section), ElementsAre("Keep working.", "Orders are kept offline."));
}

}  // namespace
}  // namespace kith::memory
