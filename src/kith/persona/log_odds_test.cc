#include "kith/persona/log_odds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::persona {
namespace {

using Counts = std::vector<std::size_t>;

// Worked out apart from this code, in numpy, from equations 15 to 22 of the paper.
TEST(LogOddsTest, AgreesWithThePaper) {
  const auto items = find_distinguishing(Counts{30, 12, 8}, Counts{40, 40, 40}, 1, -10.0);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].item, 0U);
  EXPECT_NEAR(items[0].z, 5.588366732871611, 1e-9);
  EXPECT_NEAR(items[1].z, -1.9914860175836027, 1e-9);
  EXPECT_NEAR(items[2].z, -3.5459816928214827, 1e-9);
}

TEST(LogOddsTest, NeverShowsWhatFewerThanTheFloorHave) {
  const Counts group{9, 10, 60};
  const Counts all{9, 10, 200};
  const auto items = find_distinguishing(group, all, 10, 0.0);
  for (const auto& item : items) EXPECT_GE(group[item.item], 10U);
  EXPECT_THAT(items, testing::ElementsAre(testing::Field(&DistinguishingItem::item, 1U)));
}

TEST(LogOddsTest, NothingDistinguishesOneGroupOrOneItem) {
  EXPECT_TRUE(find_distinguishing(Counts{20, 20}, Counts{20, 20}, 1, 1.96).empty());
  EXPECT_TRUE(find_distinguishing(Counts{20}, Counts{40}, 1, -10.0).empty());
}

}  // namespace
}  // namespace kith::persona
