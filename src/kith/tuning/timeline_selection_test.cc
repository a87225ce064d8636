#include "kith/tuning/timeline_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/persona/validation_draw.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/tuning/timeline_dataset.h"

namespace kith::tuning {
namespace {

using storage::TimelineEvent;
using testing::HasSubstr;

constexpr base::UnixMicros kHour = 3'600'000'000;

class TimelineSelectionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = storage::open_sqlite(directory_.path() / "kith.db");
    ASSERT_TRUE(opened) << opened.error().message;
    stores_ = *std::move(opened);
    const auto schema = timeline::parse_schema(
        "name = \"t\"\nburst_seconds = 5\n[[feature]]\nname = \"item\"\npredict = 1\n", "t");
    ASSERT_TRUE(schema) << schema.error().message;
    schema_ = *schema;
    options_.min_value_users = 3;
    options_.cap.max_share = 1.0;
    for (int i = 0; i < 20; ++i) add_user("u" + std::to_string(100 + i), 4 + i % 3);
  }

  static storage::Scope scope(const std::string& user) {
    return {TenantId(storage::kDefaultTenant), UserId(user)};
  }

  void add_user(const std::string& user, int events) {
    ASSERT_TRUE(stores_->users().upsert(scope(user), {}, 1));
    std::vector<storage::UserEvent> rows;
    for (int i = 0; i < events; ++i) {
      rows.push_back(make_event(user, "item " + std::to_string(i), i * kHour));
    }
    rows.push_back(make_event(user, "only " + user, events * kHour));
    ASSERT_TRUE(stores_->timelines().add({TenantId(storage::kDefaultTenant)}, rows));
  }

  void add_event(const std::string& user, const std::string& item, base::UnixMicros at) {
    const std::vector<storage::UserEvent> rows{make_event(user, item, at)};
    ASSERT_TRUE(stores_->timelines().add({TenantId(storage::kDefaultTenant)}, rows));
  }

  static storage::UserEvent make_event(const std::string& user, const std::string& item,
                                       base::UnixMicros at) {
    TimelineEvent event;
    event.id = item + std::to_string(at);
    event.at = event.received_at = at;
    event.kind = "click";
    event.item = item;
    return {UserId(user), event, true};
  }

  FittedSelection select() {
    auto fitted =
        select_timelines(*stores_, {TenantId(storage::kDefaultTenant)}, schema_, options_);
    EXPECT_TRUE(fitted) << fitted.error().message;
    return *std::move(fitted);
  }

  base::TestDirectory directory_;
  std::unique_ptr<storage::StoreSet> stores_;
  timeline::TimelineSchema schema_;
  TimelineOptions options_;
};

TEST_F(TimelineSelectionTest, WhoDoesNotConsentOrDidTooLittleIsOutWithAReason) {
  ASSERT_TRUE(stores_->consents().set(scope("u105"), storage::kConsentLearn, false, 9));
  ASSERT_TRUE(stores_->users().upsert(scope("rare"), {}, 1));
  add_event("rare", "item 1", kHour);
  const auto fitted = select();
  EXPECT_EQ(fitted.selection.num_users, 21U);
  EXPECT_EQ(fitted.selection.timelines.size(), 19U);
  std::map<TimelineDropReason, std::int64_t> events;
  for (const auto& dropped : fitted.selection.dropped) events[dropped.reason] += dropped.events;
  EXPECT_EQ(events, (std::map<TimelineDropReason, std::int64_t>{
                        {TimelineDropReason::kNoConsent, 4 + 5 % 3 + 1},
                        {TimelineDropReason::kTooFew, 1}}));
  for (const auto& timeline : fitted.selection.timelines) {
    EXPECT_NE(timeline.user, UserId("u105"));
    EXPECT_EQ(timeline.trains,
              persona::validation_draw(timeline.user) >= options_.validation_users);
  }
}

// Every user has an item that nobody else has.
TEST_F(TimelineSelectionTest, WhatOneUserAloneDidIsNowhereInTheFiles) {
  const auto fitted = select();
  ASSERT_EQ(fitted.selection.withheld.size(), 1U);
  EXPECT_EQ(fitted.selection.withheld[0].values,
            static_cast<std::int64_t>(fitted.selection.count(true)));
  const auto card = write_timelines(fitted, options_, nullptr, directory_.path() / "data");
  ASSERT_TRUE(card) << card.error().message;
  const auto features = base::read_file(directory_.path() / "data" / "features.json");
  ASSERT_TRUE(features);
  EXPECT_THAT(*features, HasSubstr("item 3"));
  EXPECT_EQ(features->find("only"), std::string::npos);
  for (const auto& text : {card->json, card->markdown}) {
    EXPECT_EQ(text.find("u10"), std::string::npos) << text;
    EXPECT_EQ(text.find("item 3"), std::string::npos) << text;
  }
  EXPECT_TRUE(base::parse_json(card->json));
}

TEST_F(TimelineSelectionTest, NobodyHasMoreThanTheCapAndTheNewestStay) {
  add_user("u999", 4000);
  ASSERT_GE(persona::validation_draw(UserId("u999")), options_.validation_users)
      << "the busy user must train";
  options_.cap.max_share = 0.25;
  const auto fitted = select();
  const auto& selection = fitted.selection;
  EXPECT_EQ(selection.cap.num_capped, 1U);
  for (const auto& timeline : selection.timelines) {
    if (!timeline.trains) continue;
    EXPECT_LE(static_cast<double>(timeline.events.size()),
              selection.cap.share * static_cast<double>(selection.num_events(true)) + 1.0);
    EXPECT_EQ(timeline.events.back().item, "only " + timeline.user.str());
    if (timeline.user == UserId("u999")) {
      EXPECT_EQ(selection.num_capped_events,
                4001 - static_cast<std::int64_t>(timeline.events.size()));
    }
  }
}

TEST_F(TimelineSelectionTest, ABurstIsOneEvent) {
  add_event("u100", "item 1", 100 * kHour);
  add_event("u100", "item 1", 100 * kHour + 1'000'000);
  add_event("u100", "item 1", 100 * kHour + 4'000'000);
  EXPECT_EQ(select().selection.num_burst_events, 2);
}

TEST_F(TimelineSelectionTest, TheSameStoreGivesTheSameBytesAndValidationIsReadBack) {
  const auto first = write_timelines(select(), options_, nullptr, directory_.path() / "a");
  const auto second = write_timelines(select(), options_, nullptr, directory_.path() / "b");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->data_hash, second->data_hash);
  EXPECT_EQ(first->json, second->json);
  const auto fitted = select();
  const auto users = read_validation(directory_.path() / "a");
  ASSERT_TRUE(users) << users.error().message;
  std::vector<std::vector<TimelineEvent>> want;
  for (const auto& timeline : fitted.selection.timelines) {
    if (!timeline.trains) want.push_back(timeline.events);
  }
  ASSERT_EQ(users->size(), want.size());
  ASSERT_FALSE(want.empty());
  EXPECT_EQ(users->front().back().item, want.front().back().item);
  EXPECT_EQ(users->front().back().at, want.front().back().at);
  add_event("u100", "item 2", 500 * kHour);
  const auto third = write_timelines(select(), options_, nullptr, directory_.path() / "c");
  ASSERT_TRUE(third);
  EXPECT_NE(first->data_hash, third->data_hash);
}

TEST_F(TimelineSelectionTest, TooFewUsersAreRefused) {
  options_.min_users = 25;
  const auto refused =
      select_timelines(*stores_, {TenantId(storage::kDefaultTenant)}, schema_, options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("--min-users"));
}

}  // namespace
}  // namespace kith::tuning
