#include "kith/text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Span> find_all(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex) << pattern;
  std::vector<Span> matches;
  if (regex) regex->find_all(text, matches);
  return matches;
}

TEST(RegexTest, FindsMatchesLeftToRightWithoutOverlap) {
  EXPECT_THAT(find_all("aa|b", "aaabxaa"), ElementsAre(Span{0, 2}, Span{3, 4}, Span{5, 7}));
}

TEST(RegexTest, LeavesEmptyMatchesOut) {
  EXPECT_THAT(find_all("a*", "baab"), ElementsAre(Span{1, 3}));
}

TEST(RegexTest, TakesUnicodesWhiteSpace) {
  // U+180E has not been white space since Unicode 6.3.
  EXPECT_THAT(find_all(R"(\s+)", "a\u00A0b\u180Ec"), ElementsAre(Span{1, 3}));
}

// Each round of the group leaves a place to come back to, so the match needs far more stack than
// the 32 KiB that every match starts with.
TEST(RegexTest, MatchesWhatNeedsALargeStack) {
  std::string text(20'000, 'a');
  text.append(1, 'c').append(20'000, 'b').append(1, 'c');
  EXPECT_THAT(find_all("(?:(a)|b)*c", text), ElementsAre(Span{0, 20'001}, Span{20'001, 40'002}));
}

TEST(RegexTest, GivesUpOnWhatBacktracksWithoutEnd) {
  EXPECT_THAT(find_all("(?:a+)+b", std::string(5000, 'a')), IsEmpty());
}

TEST(RegexTest, RefusesWhatIsNoExpression) {
  const auto regex = Regex::compile("(a");
  ASSERT_FALSE(regex);
  EXPECT_EQ(regex.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(regex.error().message.find("offset 2"), std::string::npos) << regex.error().message;
}

}  // namespace
}  // namespace kith::text
