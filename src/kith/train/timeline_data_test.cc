#include "kith/train/timeline_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/train/test_timelines.h"

namespace kith::train {
namespace {

using testing::HasSubstr;

class TimelineDataTest : public testing::Test {
 protected:
  // One feature; user u has as many events as `lengths` says, the e-th with id 2 + e.
  void write(const std::vector<std::int64_t>& lengths) {
    TestTimelines made;
    for (const std::int64_t length : lengths) {
      std::vector<std::vector<std::int32_t>> events;
      for (std::int32_t e = 0; e < length; ++e) events.push_back({2 + e});
      made.add(events);
    }
    made.write(directory_.path(), {{"item", 500, 1.0}});
  }
  TimelineData open() {
    auto data = TimelineData::open(directory_.path());
    EXPECT_TRUE(data) << data.error().message;
    return *std::move(data);
  }
  std::string error() {
    const auto data = TimelineData::open(directory_.path());
    return data ? "no error" : data.error().message;
  }

  const base::TestDirectory directory_;
};

TEST_F(TimelineDataTest, ReadsEveryUsersEvents) {
  write({3, 0, 2});
  const TimelineData data = open();
  EXPECT_EQ(data.num_users(), 3);
  EXPECT_EQ(data.num_events(1), 0);
  EXPECT_THAT(data.events(2, 0, 2), testing::ElementsAre(2, 3));
  EXPECT_THAT(data.events(0, 1, 3), testing::ElementsAre(3, 4));
}

TEST_F(TimelineDataTest, RefusesWhatDoesNotFit) {
  TestTimelines made;
  made.add({{2}, {9}});
  made.write(directory_.path(), {{"item", 4, 1.0}});
  EXPECT_THAT(error(), HasSubstr("item is out of range: 9"));
  made.write(directory_.path(), {{"item", 10, 0.0}});
  EXPECT_THAT(error(), HasSubstr("no feature is predicted"));
  made.write(directory_.path(), {{"item", 10, 1.0}, {"kind", 10, 0.0}});
  EXPECT_THAT(error(), HasSubstr("another number of features"));
  made.offsets = {0, 3};
  made.write(directory_.path(), {{"item", 10, 1.0}});
  EXPECT_THAT(error(), HasSubstr("offsets"));
}

// Each event but a user's first is predicted exactly once a cycle, wherever timelines are cut, and
// never one that is held out.
TEST_F(TimelineDataTest, ACyclePredictsEveryEventOnce) {
  write({30, 5, 2, 1, 3});
  const TimelineData data = open();
  std::map<std::int64_t, int> expected;
  for (const int events : {29, 4, 2}) {
    for (int e = 1; e < events; ++e) ++expected[2 + e];
  }
  TimelineStream stream(data, 7, HeldOut(5, 5), 3);
  std::map<std::int64_t, int> predicted;
  for (int cycle = 0; cycle < 3;) {
    const TimelineBatch batch = stream.next(16);
    if (stream.position().cycle > cycle) {
      EXPECT_EQ(predicted, expected) << cycle;
      predicted.clear();
      ++cycle;
    }
    EXPECT_LE(batch.length, 8);
    EXPECT_TRUE(batch.rows == 1 || batch.rows * batch.length <= 16);
    for (std::size_t at = 0; at < batch.ids.size(); ++at) {
      const bool is_first = at % static_cast<std::size_t>(batch.length) == 0;
      if (!is_first && batch.ids[at] >= 0) ++predicted[batch.ids[at]];
    }
  }
}

TEST_F(TimelineDataTest, APositionTakesTheOrderUpAgain) {
  write({30, 12, 9, 40});
  const TimelineData data = open();
  TimelineStream first(data, 6, HeldOut(4, 4), 5);
  for (int i = 0; i < 9; ++i) first.next(20);
  TimelineStream second(data, 6, HeldOut(4, 4), 5);
  ASSERT_TRUE(second.seek(first.position(), 20));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(first.next(20).ids, second.next(20).ids);
  EXPECT_FALSE(second.seek({0, 0, 1000}, 20));
}

TEST(HeldOutTest, SpreadsEvenlyOverTheUsers) {
  const HeldOut some(1000, 10);
  std::int64_t count = 0;
  for (std::int64_t user = 0; user < 1000; ++user) {
    count += some.events_of(user);
    EXPECT_EQ(count, (user + 1) / 100);
  }
  const HeldOut all(7, 7);
  for (std::int64_t user = 0; user < 7; ++user) EXPECT_EQ(all.events_of(user), 1);
}

TEST_F(TimelineDataTest, SaysWhetherThereIsAnythingToLearn) {
  write({2, 1});
  EXPECT_FALSE(has_windows(open(), HeldOut(2, 2)));
  EXPECT_TRUE(has_windows(open(), HeldOut(2, 0)));
}

}  // namespace
}  // namespace kith::train
