#include "kith/engine/stop_filter.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "kith/base/rng.h"

namespace kith::engine {
namespace {

TEST(StopFilterTest, NeverShowsAnyPartOfAStopString) {
  StopFilter filter({"END"});
  EXPECT_EQ(filter.append("go E"), "go ");
  EXPECT_EQ(filter.append("N"), "");
  EXPECT_FALSE(filter.stopped());
  EXPECT_EQ(filter.append("D more"), "");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(filter.append("x"), "");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilterTest, ShowsWhatOnlyLookedLikeAStopString) {
  StopFilter filter({"END"});
  EXPECT_EQ(filter.append("E"), "");
  EXPECT_EQ(filter.append("NjoyE"), "ENjoy");
  EXPECT_EQ(filter.finish(), "E");
}

TEST(StopFilterTest, TakesTheFirstOfSeveral) {
  StopFilter filter({"bc", "a"});
  EXPECT_EQ(filter.append("xabc"), "x");
  EXPECT_TRUE(filter.stopped());
}

// A longer one that began before could have been shown or not, depending on the pieces.
TEST(StopFilterTest, TheOneThatIsCompleteFirstEndsTheAnswer) {
  for (const std::vector<std::string_view>& pieces :
       {std::vector<std::string_view>{"xabc"}, {"xa", "bc"}, {"xab", "c"}, {"x", "a", "b", "c"}}) {
    StopFilter filter({"abc", "b"});
    std::string shown;
    for (const std::string_view piece : pieces) shown += filter.append(piece);
    EXPECT_EQ(shown, "xa");
    EXPECT_TRUE(filter.stopped());
  }
  StopFilter longest({"b", "ab"});
  EXPECT_EQ(longest.append("xab"), "x");
}

// However a text is cut into pieces, the same part of it is shown.
TEST(StopFilterTest, DoesNotDependOnTheCuts) {
  base::Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) text += static_cast<char>('a' + rng.below(2));
    StopFilter whole({"abba", "bbb"});
    std::string expected = whole.append(text);
    expected += whole.finish();
    StopFilter pieces({"abba", "bbb"});
    std::string shown;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t length = 1 + rng.below(4);
      shown += pieces.append(std::string_view(text).substr(i, length));
      i += length;
    }
    shown += pieces.finish();
    EXPECT_EQ(shown, expected) << text;
  }
}

}  // namespace
}  // namespace kith::engine
