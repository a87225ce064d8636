#include "kith/timeline/feature_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "kith/base/json.h"

namespace kith::timeline {
namespace {

using storage::TimelineEvent;
using testing::ElementsAre;

constexpr base::UnixMicros kSecond = 1'000'000;

TimelineSchema schema() {
  const auto parsed = parse_schema(R"toml(
name = "test"
[[feature]]
name = "item"
max_values = 2
predict = 1
[[feature]]
name = "site"
type = "hashed"
source = "categories.site"
buckets = 8
[[feature]]
name = "stars"
type = "number"
bins = 2
[[feature]]
name = "gap"
type = "gap"
[[feature]]
name = "hour"
type = "calendar"
[[feature]]
name = "words"
type = "text"
)toml",
                                   "test");
  EXPECT_TRUE(parsed) << parsed.error().message;
  return *parsed;
}

TimelineEvent event(std::string item, double stars, base::UnixMicros at = 0) {
  TimelineEvent row;
  row.item = std::move(item);
  row.number = stars;
  row.at = at;
  return row;
}

FeatureMap fitted() {
  FeatureMapBuilder builder(schema());
  builder.add(std::array{event("b", 1), event("a", 2), event("b", 3), event("c", 4), event("a", 5),
                         TimelineEvent{}});
  return builder.build();
}

std::vector<std::int32_t> ids_of(const FeatureMap& map, const TimelineEvent& row,
                                 std::optional<base::UnixMicros> before = {}) {
  std::vector<std::int32_t> ids(map.num_features(), -1);
  map.encode(row, before, ids);
  return ids;
}

// By hand: a and b are the two most frequent items, equal in number, so in the order of their
// bytes; of 1..5 in two bins the edge is the third number.
TEST(FeatureMapTest, NumbersValuesByFrequencyAndKeepsIdsForMissingAndUnknown) {
  const FeatureMap map = fitted();
  EXPECT_EQ(map.num_ids(0), 4);
  EXPECT_EQ(map.value(0, 2), "a");
  EXPECT_EQ(map.value(0, 3), "b");
  EXPECT_EQ(map.value(0, kUnknown), "");
  EXPECT_EQ(ids_of(map, event("b", 2.9))[0], 3);
  EXPECT_EQ(ids_of(map, event("c", 2.9))[0], kUnknown);
  EXPECT_EQ(ids_of(map, event("b", 2.9))[2], 2);
  EXPECT_EQ(ids_of(map, event("b", 3.0))[2], 3);
  TimelineEvent bare;
  bare.at = 3 * 3600 * kSecond;
  EXPECT_THAT(ids_of(map, bare),
              ElementsAre(kMissing, kMissing, kMissing, kMissing, kFirstValue + 3, kMissing));
}

TEST(FeatureMapTest, GapsGrowByFactorsOfTwoAndNeverGoBack) {
  const FeatureMap map = fitted();
  const auto gap = [&](base::UnixMicros micros) {
    return ids_of(map, event("a", 1, 100 * kSecond), 100 * kSecond - micros)[3] - kFirstValue;
  };
  EXPECT_EQ(gap(0), 0);
  EXPECT_EQ(gap(kSecond - 1), 0);
  EXPECT_EQ(gap(kSecond), 1);
  EXPECT_EQ(gap(3 * kSecond), 2);
  EXPECT_EQ(gap(-5 * kSecond), 0);
  EXPECT_EQ(gap(kSecond * 86'400 * 365 * 50), kGapBins - 1);
}

TEST(FeatureMapTest, HashedValuesNeedNoVocabulary) {
  const FeatureMap map = fitted();
  TimelineEvent row;
  row.categories["site"] = "never seen";
  const auto id = ids_of(map, row)[1];
  EXPECT_GE(id, kFirstValue);
  EXPECT_LT(id, map.num_ids(1));
  EXPECT_EQ(ids_of(map, row)[1], id);
}

TEST(FeatureMapTest, ComesBackFromItsJson) {
  const FeatureMap map = fitted();
  const auto again = FeatureMap::from_json(map.to_json());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->schema(), map.schema());
  EXPECT_EQ(again->version(), map.version());
  EXPECT_EQ(ids_of(*again, event("b", 4, 7 * kSecond), kSecond),
            ids_of(map, event("b", 4, 7 * kSecond), kSecond));
}

TEST(FeatureMapTest, AnotherVocabularyIsAnotherVersion) {
  FeatureMapBuilder builder(schema());
  builder.add(std::array{event("b", 1), event("a", 2)});
  EXPECT_NE(builder.build().version(), fitted().version());
}

TEST(FeatureMapTest, RefusesDamagedJson) {
  base::Json whole = fitted().to_json();
  const auto refused = [&](const char* pointer, const base::Json& value) {
    base::Json damaged = whole;
    damaged[base::Json::json_pointer(pointer)] = value;
    EXPECT_FALSE(FeatureMap::from_json(damaged)) << pointer;
  };
  refused("/features", 3);
  refused("/features", base::Json::array());
  refused("/features/0/type", "picture");
  refused("/features/0/values", base::Json::array({1}));
  refused("/features/1/size", 0);
  refused("/features/2/edges", base::Json::array({3, 2}));
  refused("/features/2/predict", "much");
  refused("/burst_seconds", -1);
  EXPECT_FALSE(FeatureMap::from_json(base::Json()));
}

TEST(FeatureMapTest, ABurstIsOneEvent) {
  const auto click = [](const char* item, base::UnixMicros seconds) {
    return event(item, 1, seconds * kSecond);
  };
  const std::vector<TimelineEvent> events{click("a", 0), click("a", 2), click("a", 4),
                                          click("b", 4), click("a", 5), click("a", 9)};
  std::vector<base::UnixMicros> times;
  for (const auto& kept : without_bursts(events, 2)) times.push_back(kept.at / kSecond);
  EXPECT_THAT(times, ElementsAre(0, 4, 5, 9));
  EXPECT_EQ(without_bursts(events, 0).size(), events.size());
}

// By hand: three users have the item a, one has b; the sites p and q fall into two buckets.
TEST(FeatureMapTest, WhatTooFewUsersDidIsUnknown) {
  FeatureMapBuilder builder(schema(), 2);
  const auto at_site = [](TimelineEvent row, const char* site) {
    row.categories["site"] = site;
    return row;
  };
  builder.add(std::array{at_site(event("a", 1), "p"), event("b", 9), event("b", 9)});
  builder.add(std::array{at_site(event("a", 2), "p"), event("", 3)});
  builder.add(std::array{at_site(event("a", 3), "q")});
  EXPECT_THAT(builder.withheld(),
              ElementsAre(WithheldValues{"item", 1, 2}, WithheldValues{"site", 1, 1}));
  const FeatureMap map = builder.build();
  EXPECT_EQ(ids_of(map, event("a", 1))[0], kFirstValue);
  EXPECT_EQ(ids_of(map, event("b", 1))[0], kUnknown);
  EXPECT_GE(ids_of(map, at_site({}, "p"))[1], kFirstValue);
  EXPECT_EQ(ids_of(map, at_site({}, "q"))[1], kUnknown);
  // The map is read back as it was.
  const auto again = FeatureMap::from_json(map.to_json());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->version(), map.version());
  EXPECT_EQ(ids_of(*again, at_site({}, "q"))[1], kUnknown);
}

TEST(FeatureMapTest, EveryBinHasEnoughUsers) {
  auto wide = schema();
  wide.features[2].size = 8;
  FeatureMapBuilder free(wide);
  FeatureMapBuilder anonymous(wide, 3);
  std::vector<std::vector<TimelineEvent>> users(12);
  for (std::size_t user = 0; user < users.size(); ++user) {
    // One of them has all of the high numbers.
    for (int i = 0; i < 4; ++i) users[user].push_back(event("x", (i + 1) * 2));
    for (int i = 0; i < 20 && user == 0; ++i) users[user].push_back(event("x", 100 + i));
    free.add(users[user]);
    anonymous.add(users[user]);
  }
  const FeatureMap map = anonymous.build();
  EXPECT_LT(map.num_ids(2), free.build().num_ids(2));
  std::map<std::int32_t, std::set<std::size_t>> in_bin;
  for (std::size_t user = 0; user < users.size(); ++user) {
    for (const auto& row : users[user]) in_bin[ids_of(map, row)[2]].insert(user);
  }
  EXPECT_EQ(in_bin.size(), static_cast<std::size_t>(map.num_ids(2) - kFirstValue));
  for (const auto& [bin, who] : in_bin) EXPECT_GE(who.size(), 3U) << bin;
}

}  // namespace
}  // namespace kith::timeline
