#include "kith/cli/scatter_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::cli {
namespace {

using testing::HasSubstr;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ScatterPlotTest, EveryPointHasItsPlaceItsGroupsColourAndItsLabel) {
  const std::string svg = scatter_svg(
      "a < b", {{0.0, 0.0, "field", "u1 & co"}, {10.0, 0.0, "desk", "u2"}, {10.0, 5.0, "", "u3"}});
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, HasSubstr("<title>u1 &amp; co</title>"));
  EXPECT_EQ(count_of(svg, "<circle"), 6U);  // three points, three of the legend
  EXPECT_THAT(svg, HasSubstr("desk (1)"));
  EXPECT_THAT(svg, HasSubstr("not assigned (1)"));
  // The wider axis fills the picture; the other has the same scale, in its middle.
  EXPECT_THAT(svg, HasSubstr("cx=\"24.0\" cy=\"516.0\""));
  EXPECT_THAT(svg, HasSubstr("cx=\"616.0\" cy=\"516.0\""));
  EXPECT_THAT(svg, HasSubstr("cx=\"616.0\" cy=\"220.0\""));
  EXPECT_GT(svg.find("not assigned (1)"), svg.find("field (1)"));
}

TEST(ScatterPlotTest, APictureOfNothingAndOfOnePointIsAPicture) {
  EXPECT_THAT(scatter_svg("none", {}), HasSubstr("</svg>"));
  EXPECT_THAT(scatter_svg("one", {{3.0, 4.0, "g", "u"}}), HasSubstr("cx=\"320.0\""));
}

}  // namespace
}  // namespace kith::cli
