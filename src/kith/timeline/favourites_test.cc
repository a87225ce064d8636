#include "kith/timeline/favourites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/rng.h"
#include "kith/timeline/plane.h"

namespace kith::timeline {
namespace {

using testing::ElementsAre;

std::vector<storage::PlacedEvent> events_of(const std::vector<std::string>& items) {
  std::vector<storage::PlacedEvent> events;
  for (const std::string& item : items) {
    events.emplace_back();
    events.back().event.item = item;
    events.back().event.categories = {{"need", item + "!"}};
  }
  return events;
}

TEST(FavouritesTest, AreWhatWasMetMostAndWhatTwoHaveInCommon) {
  const auto schema = parse_schema(
      "name = \"t\"\n[[feature]]\nname = \"item\"\ntype = \"hashed\"\nbuckets = 4\npredict = 1\n"
      "[[feature]]\nname = \"need\"\ntype = \"category\"\nsource = \"categories.need\"\n"
      "[[feature]]\nname = \"gap\"\ntype = \"gap\"\n",
      "t");
  ASSERT_TRUE(schema) << schema.error().message;
  const auto ada = favourites_of(events_of({"b", "a", "a", "c", "", "d", "b", "a"}), *schema, 3);
  EXPECT_THAT(ada.at("item"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ada.at("need"), ElementsAre("a!", "b!", "!"));
  EXPECT_EQ(ada.size(), 2U);
  const auto bob = favourites_of(events_of({"c", "a", "z", "a"}), *schema, 3);
  EXPECT_THAT(shared(ada, bob).at("item"), ElementsAre("a", "c"));
  EXPECT_TRUE(shared(ada, favourites_of(events_of({"x"}), *schema, 3)).empty());
}

// Points of a plane that was turned into twenty dimensions come back, but for the plane's own turn.
TEST(PlaneTest, DistancesInThePlaneStay) {
  constexpr std::size_t kWidth = 20;
  base::Rng rng(7);
  std::vector<float> vectors;
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 60; ++i) {
    points.emplace_back(rng.uniform() * 4.0, rng.uniform());
    for (std::size_t d = 0; d < kWidth; ++d) {
      const double value =
          d % 2 == 0 ? points.back().first : (d % 4 == 1 ? 1.0 : -1.0) * points.back().second;
      vectors.push_back(static_cast<float>(value + 3.0));
    }
  }
  const auto places = project_on_plane(vectors, kWidth);
  ASSERT_EQ(places.size(), points.size());
  for (std::size_t i = 1; i < places.size(); ++i) {
    const double expected = std::sqrt(10.0) * std::hypot(points[i].first - points[i - 1].first,
                                                         points[i].second - points[i - 1].second);
    const double found = std::hypot(static_cast<double>(places[i][0] - places[i - 1][0]),
                                    static_cast<double>(places[i][1] - places[i - 1][1]));
    EXPECT_NEAR(found, expected, 1e-3);
  }
  EXPECT_TRUE(project_on_plane({}, kWidth).empty());
}

}  // namespace
}  // namespace kith::timeline
