#include "kith/persona/fleet_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::persona {
namespace {

using testing::HasSubstr;

constexpr base::UnixMicros kDay = 86'400'000'000;

storage::FleetQuery query_of(const FleetSpan& span) {
  const auto now = base::from_iso8601("2026-03-31T15:30:00Z");
  auto query = to_fleet_query(PersonaId("boss"), span, *now);
  EXPECT_TRUE(query) << query.error().message;
  return query ? *query : storage::FleetQuery{};
}

std::string refusal_of(const FleetSpan& span) {
  const auto query = to_fleet_query(PersonaId("boss"), span, 0);
  return query ? "no error" : query.error().message;
}

TEST(FleetDocumentTest, TellsTheLastThirtyDaysByItself) {
  const storage::FleetQuery query = query_of({});
  EXPECT_EQ(base::to_iso8601(query.from), "2026-03-02T00:00:00.000000Z");
  EXPECT_EQ(base::to_iso8601(query.to), "2026-04-01T00:00:00.000000Z");
  EXPECT_EQ(query.bucket, kDay);
}

TEST(FleetDocumentTest, NamedDaysAreWholeOnes) {
  const storage::FleetQuery query = query_of({"2026-03-01T12:00:00Z", "2026-03-14", "week"});
  EXPECT_EQ(query.to - query.from, 14 * kDay);
  EXPECT_EQ(query.bucket, 7 * kDay);
}

TEST(FleetDocumentTest, NamesWhatIsWrong) {
  EXPECT_THAT(refusal_of({"soon", "", ""}), HasSubstr("from must be a day"));
  EXPECT_THAT(refusal_of({"2026-03-02", "2026-03-01", ""}), HasSubstr("from must not be after"));
  EXPECT_THAT(refusal_of({"", "", "hour"}), HasSubstr("bucket must be one of day, week"));
  EXPECT_THAT(refusal_of({"2020-01-01", "2026-01-01", "day"}), HasSubstr("at most 400"));
}

// One user's day would be told by name if the persona's users are known.
TEST(FleetDocumentTest, WhatFewUsersDidIsWithheld) {
  const storage::FleetQuery query = query_of({"2026-03-01", "2026-03-03", "day"});
  storage::FleetFigures figures;
  for (int day = 0; day < 3; ++day) {
    figures.buckets.push_back({.from = query.from + day * kDay,
                               .to = query.from + (day + 1) * kDay,
                               .size = 9,
                               .joined = 1});
  }
  figures.buckets[0].requests = 12;
  figures.buckets[0].users = 4;
  figures.buckets[1].requests = 12;
  figures.buckets[1].users = 5;
  figures.buckets[1].all_requests = 48;
  figures.total = {.from = query.from, .to = query.to, .size = 9, .requests = 24, .users = 6};
  figures.all_users = 36;
  const base::OrderedJson json = fleet_json(query, figures, 5);
  EXPECT_EQ(json["buckets"][0]["withheld"], true);
  EXPECT_FALSE(json["buckets"][0].contains("requests"));
  EXPECT_EQ(json["buckets"][0]["joined"], 1);
  EXPECT_EQ(json["buckets"][1]["requests"], 12);
  EXPECT_EQ(json["buckets"][1]["share"], 0.25);
  EXPECT_EQ(json["buckets"][2]["requests"], 0);
  EXPECT_EQ(json["total"]["users"], 6);
  EXPECT_EQ(json["share_of_users"], 0.25);
}

TEST(FleetDocumentTest, AnswersToItsOwnUsersStandBesideThoseThatItGave) {
  const storage::FleetQuery query = query_of({"2026-03-01", "2026-03-02", "day"});
  storage::FleetFigures figures;
  figures.buckets.resize(2);
  figures.buckets[0] = {.own_requests = 7, .own_users = 5, .own_thumbs_down = 2};
  figures.buckets[1] = {.requests = 30, .users = 9, .own_requests = 7, .own_users = 4};
  const base::OrderedJson json = fleet_json(query, figures, 5);
  EXPECT_EQ(json["buckets"][0]["requests"], 0);
  EXPECT_EQ(json["buckets"][0]["to_own_users"]["requests"], 7);
  EXPECT_EQ(json["buckets"][0]["to_own_users"]["thumbs_down"], 2);
  EXPECT_EQ(json["buckets"][1]["requests"], 30);
  EXPECT_EQ(json["buckets"][1]["to_own_users"]["withheld"], true);
}

TEST(FleetDocumentTest, ThumbsOfADayWithoutAnswersAreFew) {
  const storage::FleetQuery query = query_of({"2026-03-01", "2026-03-01", "day"});
  storage::FleetFigures figures;
  figures.buckets.push_back({.from = query.from, .to = query.to, .thumbs_up = 1});
  EXPECT_EQ(fleet_json(query, figures, 5)["buckets"][0]["withheld"], true);
}

}  // namespace
}  // namespace kith::persona
