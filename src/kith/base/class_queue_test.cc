#include "kith/base/class_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "kith/base/rng.h"

namespace kith::base {
namespace {

using std::chrono::seconds;

constexpr HeadStarts kHeadStarts{.high = seconds{5}, .urgent = seconds{20}};

std::vector<int> drained(ClassQueue<int>& queue) {
  const std::deque<int> items = queue.drain();
  return {items.begin(), items.end()};
}

TEST(ClassQueueTest, AnUrgentOneThatArrivesLastLeavesFirst) {
  ClassQueue<int> queue(kHeadStarts);
  queue.push(1, QueueClass::kNormal, seconds{100});
  queue.push(2, QueueClass::kHigh, seconds{101});
  queue.push(3, QueueClass::kUrgent, seconds{102});
  EXPECT_EQ(queue.front(), 3);
  EXPECT_EQ(drained(queue), (std::vector{3, 2, 1}));
}

TEST(ClassQueueTest, OneClassIsServedInTheOrderOfArrival) {
  ClassQueue<int> queue(kHeadStarts);
  for (int i = 0; i < 5; ++i) queue.push(i, QueueClass::kHigh, seconds{100});
  EXPECT_EQ(drained(queue), (std::vector{0, 1, 2, 3, 4}));
}

TEST(ClassQueueTest, AfterTheHeadStartAnUrgentOneStandsBehind) {
  ClassQueue<int> queue(kHeadStarts);
  queue.push(1, QueueClass::kNormal, seconds{100});
  queue.push(2, QueueClass::kUrgent, seconds{119});
  queue.push(3, QueueClass::kUrgent, seconds{121});
  EXPECT_EQ(drained(queue), (std::vector{2, 1, 3}));
}

TEST(ClassQueueTest, AClassThatIsLearnedLaterCountsFromTheArrival) {
  ClassQueue<int> queue(kHeadStarts);
  queue.push(1, QueueClass::kNormal, seconds{100});
  queue.push(2, QueueClass::kNormal, seconds{101});
  EXPECT_TRUE(queue.set_class([](int item) { return item == 2; }, QueueClass::kHigh));
  EXPECT_FALSE(queue.set_class([](int item) { return item == 7; }, QueueClass::kHigh));
  EXPECT_EQ(queue.size_of(QueueClass::kHigh), 1U);
  EXPECT_EQ(drained(queue), (std::vector{2, 1}));
}

// The class of who came first is often learned after others have come at the same time.
TEST(ClassQueueTest, AClassThatIsLearnedLaterLeavesTheOrderOfEqualTimes) {
  ClassQueue<int> queue(kHeadStarts);
  for (int i = 0; i < 3; ++i) queue.push(i, QueueClass::kNormal, seconds{100});
  EXPECT_TRUE(queue.set_class([](int item) { return item == 0; }, QueueClass::kNormal));
  EXPECT_EQ(drained(queue), (std::vector{0, 1, 2}));
}

// Random arrivals while others leave: what left before an item arrived at most the difference of
// their head starts after it.
TEST(ClassQueueTest, NobodyIsOvertakenByWhatComesAfterTheHeadStart) {
  struct Item {
    QueueClass queue_class;
    std::chrono::nanoseconds arrived;
  };
  Rng rng(7);
  ClassQueue<Item> queue(kHeadStarts);
  std::vector<Item> left;
  std::chrono::nanoseconds now{0};
  for (int i = 0; i < 4000; ++i) {
    now += std::chrono::milliseconds(rng() % 900);
    const auto queue_class = kQueueClasses[rng() % 3];
    queue.push({queue_class, now}, queue_class, now);
    if (rng() % 5 != 0) left.push_back(queue.pop());
  }
  while (!queue.empty()) left.push_back(queue.pop());
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (std::size_t before = i > 200 ? i - 200 : 0; before < i; ++before) {
      const auto allowed =
          kHeadStarts.of(left[before].queue_class) - kHeadStarts.of(left[i].queue_class);
      const auto later = left[before].arrived - left[i].arrived;
      ASSERT_LE(later, std::max(allowed, std::chrono::nanoseconds{0}));
    }
  }
}

}  // namespace
}  // namespace kith::base
