#include "kith/profile/event_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "kith/base/test_directory.h"
#include "kith/profile/erase.h"
#include "kith/profile/export.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::profile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr base::UnixMicros kSecond = 1'000'000;

class EventImportTest : public testing::Test {
 protected:
  EventImportTest() { clock_.advance(std::chrono::hours(24 * 365 * 40)); }

  std::filesystem::path write(const std::string& name, const std::string& content) {
    auto file = directory_.path() / name;
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

  std::string import(const std::filesystem::path& file, EventImportOptions options = {}) {
    const auto report = import_events(stores_->timelines(), clock_, options, file);
    if (!report) return report.error().message;
    bad_lines_ = report->records.bad_lines;
    return std::to_string(report->records.num_added) + " added, " +
           std::to_string(report->records.num_updated) + " updated, " +
           std::to_string(report->records.num_unchanged) + " unchanged, " +
           std::to_string(report->records.num_failed) + " failed, " +
           std::to_string(report->num_from_the_future) + " from the future";
  }

  std::vector<storage::TimelineEvent> events_of(const char* user) {
    std::vector<storage::TimelineEvent> events;
    for (auto& placed : *stores_->timelines().newest(scope(user), {}, 99)) {
      events.push_back(placed.event);
    }
    return events;
  }

  static storage::Scope scope(const char* user) {
    return {TenantId(storage::kDefaultTenant), UserId(user)};
  }

  const base::TestDirectory directory_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(directory_.path() / "kith.db");
  base::ManualClock clock_;
  std::vector<storage::BadLine> bad_lines_;
};

TEST_F(EventImportTest, ReadsEventsOfEveryShapeOnce) {
  const auto file = write(
      "events.jsonl",
      R"({"id":"e1","user":"u1","at":"2009-12-14T02:52:24Z","kind":"ticket","item":"T1",)"
      R"("categories":{"category":"network","device":{"os":"mac"}},"number":2,"text":"no wifi"})"
      "\n"
      R"({"user":"u1","at":1260759145,"kind":"click"})"
      "\n"
      R"({"user":"u2"})"
      "\n");
  EXPECT_EQ(import(file), "3 added, 0 updated, 0 unchanged, 0 failed, 0 from the future");
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(import(file), "0 added, 0 updated, 3 unchanged, 0 failed, 0 from the future");

  const auto events = events_of("u1");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].id, "e1");
  EXPECT_EQ(events[0].at, 1260759144 * kSecond);
  EXPECT_THAT(events[0].categories,
              ElementsAre(Pair("category", "network"), Pair("device.os", "mac")));
  EXPECT_EQ(events[0].number, 2.0);
  EXPECT_EQ(events[0].text, "no wifi");
  EXPECT_EQ(events[1].kind, "click");
  EXPECT_FALSE(events[1].number);
  // Without a kind or a time: an event of the import's own moment.
  EXPECT_EQ(events_of("u2")[0].kind, "event");
  EXPECT_EQ(events_of("u2")[0].at, events_of("u2")[0].received_at);
}

TEST_F(EventImportTest, TakesTheColumnsOfOtherSystems) {
  EventImportOptions options;
  options.columns = {{"user", "caller_id"},
                     {"at", "opened_at"},
                     {"categories.group", "group"},
                     {"categories.site", "absent"}};
  options.kind = "incident";
  EXPECT_EQ(
      import(write("log.csv", "caller_id,opened_at,group,state\nc1,1260759144,G1,new\n"), options),
      "1 added, 0 updated, 0 unchanged, 0 failed, 0 from the future");
  const auto events = events_of("c1");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, "incident");
  EXPECT_THAT(events[0].categories, ElementsAre(Pair("group", "G1")));
  options.columns = {{"film", "movieId"}};
  EXPECT_THAT(import(write("b.csv", "user\nu\n"), options), HasSubstr("film"));
}

TEST_F(EventImportTest, BadLinesAreNamedAndLoseNoGoodOnes) {
  const auto file = write("events.jsonl",
                          "{\"user\":\"u\",\"at\":1}\n"
                          "{\"at\":1}\n"
                          "{\"user\":\"u\",\"at\":\"yesterday\"}\n"
                          "{\"user\":\"u\",\"at\":-5}\n"
                          "{\"user\":\"u\",\"at\":2,\"number\":\"many\"}\n"
                          "{\"user\":\"u\",\"at\":2,\"categories\":[1]}\n"
                          "not json\n"
                          "{\"user\":\"u\",\"at\":3}\n");
  EXPECT_EQ(import(file), "2 added, 0 updated, 0 unchanged, 6 failed, 0 from the future");
  std::vector<std::int64_t> lines;
  for (const auto& bad : bad_lines_) lines.push_back(bad.line);
  EXPECT_THAT(lines, ElementsAre(2, 3, 4, 5, 6, 7));
  EXPECT_EQ(events_of("u").size(), 2U);
}

// A clock that is wrong must not make an event the last one for ever.
TEST_F(EventImportTest, AnEventOfTheFutureHappenedWhenItWasHeardOf) {
  const auto file = write("events.jsonl",
                          "{\"user\":\"u\",\"at\":\"2999-01-01T00:00:00Z\"}\n"
                          "{\"user\":\"u\",\"at\":10}\n");
  EXPECT_EQ(import(file), "2 added, 0 updated, 0 unchanged, 0 failed, 1 from the future");
  const base::UnixMicros heard = clock_.now();
  EXPECT_EQ(events_of("u").back().at, heard);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(import(file), "0 added, 0 updated, 2 unchanged, 0 failed, 0 from the future");
  EXPECT_EQ(events_of("u").back().at, heard);
}

TEST_F(EventImportTest, ALateEventTakesItsPlaceAndACorrectedOneIsReplaced) {
  import(write("a.jsonl",
               "{\"id\":\"a\",\"user\":\"u\",\"at\":10,\"item\":\"x\"}\n"
               "{\"id\":\"b\",\"user\":\"u\",\"at\":30}\n"));
  EXPECT_EQ(import(write("b.jsonl",
                         "{\"id\":\"late\",\"user\":\"u\",\"at\":20}\n"
                         "{\"id\":\"a\",\"user\":\"u\",\"at\":10,\"item\":\"y\"}\n")),
            "1 added, 1 updated, 0 unchanged, 0 failed, 0 from the future");
  const auto events = events_of("u");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].item, "y");
  EXPECT_EQ(events[1].id, "late");
}

// Killed after any batch, an import that is repeated ends as one that was not.
TEST_F(EventImportTest, ARepeatedImportFinishesWhatAnotherBegan) {
  std::string rows;
  for (int i = 0; i < 50; ++i) {
    rows += "{\"user\":\"u" + std::to_string(i % 7) + "\",\"at\":" + std::to_string(i) + "}\n";
  }
  const auto file = write("events.jsonl", rows);
  const auto faulty = storage::make_faulty(*stores_);
  faulty->set_plan({.fail_at = 3});
  EventImportOptions options;
  options.batch = 8;
  const auto stopped = import_events(faulty->timelines(), clock_, options, file);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(import(file, options),
            "34 added, 0 updated, 16 unchanged, 0 failed, 0 from the future");
}

TEST_F(EventImportTest, WhatAUserDidIsExportedAndErased) {
  import(write("a.jsonl", "{\"user\":\"u\",\"at\":10,\"item\":\"heliograph\",\"number\":2}\n"));
  const auto document = export_user(*stores_, scope("u"), clock_);
  ASSERT_TRUE(document);
  EXPECT_THAT(*document, HasSubstr("heliograph"));
  const auto receipt = erase_user(*stores_, scope("u"), clock_);
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->rows.at("timeline_events"), 1);
  EXPECT_TRUE(events_of("u").empty());
}

}  // namespace
}  // namespace kith::profile
