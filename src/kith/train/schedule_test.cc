#include "kith/train/schedule.h"

#include <gtest/gtest.h>

namespace kith::train {
namespace {

TEST(ScheduleTest, WarmsUpLinearlyFromTheFirstStep) {
  const Schedule schedule{ScheduleKind::kConstant, 1.0, 0.1, 10, 0.2};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0, 0.0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 4, 0.0), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 10, 0.0), 1.0);
}

TEST(ScheduleTest, CosineEndsAtTheFloor) {
  const Schedule schedule{ScheduleKind::kCosine, 2.0, 0.1, 0, 0.2};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 0, 0.0), 2.0);
  EXPECT_NEAR(learning_rate(schedule, 5, 0.5), 2.0 * 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(schedule, 9, 1.0), 0.2, 1e-12);
  EXPECT_NEAR(learning_rate(schedule, 9, 1.7), 0.2, 1e-12);
}

// By hand: a quarter into the decay 1 - sqrt(1/4) = 1/2 of the way above the floor is left.
TEST(ScheduleTest, WsdIsFlatUntilItsDecay) {
  const Schedule schedule{ScheduleKind::kWsd, 1.0, 0.2, 0, 0.4};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 3, 0.1), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 3, 0.6), 1.0);
  EXPECT_NEAR(learning_rate(schedule, 3, 0.7), 0.2 + 0.8 * 0.5, 1e-9);
  EXPECT_NEAR(learning_rate(schedule, 3, 1.0), 0.2, 1e-9);
}

}  // namespace
}  // namespace kith::train
