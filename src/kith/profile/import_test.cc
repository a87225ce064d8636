#include "kith/profile/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "kith/base/test_directory.h"
#include "kith/profile/consent.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::profile {
namespace {

using storage::Scope;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

class ImportTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& content) {
    auto file = directory_.path() / name;
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

  static std::string counts(const Result<storage::ImportReport>& report) {
    if (!report) return report.error().message;
    return std::to_string(report->num_added) + " added, " + std::to_string(report->num_updated) +
           " updated, " + std::to_string(report->num_unchanged) + " unchanged, " +
           std::to_string(report->num_failed) + " failed";
  }

  static Scope user(const char* id) { return {TenantId(storage::kDefaultTenant), UserId(id)}; }

  const base::TestDirectory directory_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(directory_.path() / "kith.db");
  base::ManualClock clock_;
  Importer importer_{*stores_, clock_};
};

TEST_F(ImportTest, ImportsUsersOnceWithNestedAttributesAndConsent) {
  const auto file = write("users.jsonl",
                          R"({"id":"u1","attributes":{"title":"Nurse","site":{"city":"Leeds"},)"
                          R"("langs":["en","zh"],"floor":3,"none":null},"consent":{"learn":false}})"
                          "\n"
                          R"({"id":"u2"})"
                          "\n"
                          R"({"attributes":{}})"
                          "\n"
                          R"({"id":"u3","consent":{"learn":"maybe"}})"
                          "\n");
  EXPECT_EQ(counts(importer_.import_users(file)), "2 added, 0 updated, 0 unchanged, 2 failed");
  clock_.advance(std::chrono::hours(1));
  const auto again = importer_.import_users(file);
  EXPECT_EQ(counts(again), "0 added, 0 updated, 2 unchanged, 2 failed");
  EXPECT_EQ(again->bad_lines[0].line, 3);
  EXPECT_THAT(again->bad_lines[1].reason, HasSubstr("consent.learn"));
  EXPECT_THAT((*stores_->users().find(user("u1")))->attributes,
              ElementsAre(Pair("floor", "3"), Pair("langs", "en, zh"), Pair("site.city", "Leeds"),
                          Pair("title", "Nurse")));
  EXPECT_FALSE(is_allowed(stores_->consents(), user("u1"), storage::kConsentLearn));
  EXPECT_TRUE(is_allowed(stores_->consents(), user("u2"), storage::kConsentLearn));
  EXPECT_FALSE(stores_->users().find(user("u3"))->has_value());
}

TEST_F(ImportTest, AChangedUserCountsAsUpdated) {
  importer_.import_users(write("a.csv", "id,attributes.title\nu1,Nurse\n")).has_value();
  EXPECT_EQ(counts(importer_.import_users(write("b.csv", "id,attributes.title\nu1,Surgeon\n"))),
            "0 added, 1 updated, 0 unchanged, 0 failed");
  EXPECT_EQ(counts(importer_.import_users(write("c.csv", "id\nu1\n"))),
            "0 added, 0 updated, 1 unchanged, 0 failed");
  EXPECT_EQ((*stores_->users().find(user("u1")))->attributes.at("title"), "Surgeon");
}

TEST_F(ImportTest, AnImportNeverGivesBackRefusedConsent) {
  const auto file = write("a.csv", "id,consent.learn\nu1,true\n");
  importer_.import_users(file).has_value();
  ASSERT_TRUE(stores_->consents().set(user("u1"), storage::kConsentLearn, false, 7));
  EXPECT_EQ(counts(importer_.import_users(file)), "0 added, 0 updated, 1 unchanged, 0 failed");
  EXPECT_FALSE(is_allowed(stores_->consents(), user("u1"), storage::kConsentLearn));
}

TEST_F(ImportTest, ImportsConversationsOnceAndTakesLaterTurnsAndRatings) {
  const std::string first =
      R"({"id":"c1","user":"u1","at":"2026-03-01T09:30:00Z","turns":[{"role":"user","text":"q"},)"
      R"({"role":"assistant","text":"a"}]})";
  const auto file = write("c.jsonl", first + "\n");
  EXPECT_EQ(counts(importer_.import_conversations(file)),
            "1 added, 0 updated, 0 unchanged, 0 failed");
  EXPECT_EQ(counts(importer_.import_conversations(file)),
            "0 added, 0 updated, 1 unchanged, 0 failed");
  const auto longer = write(
      "d.jsonl",
      R"({"id":"c1","user":"u1","turns":[{"role":"user","text":"q"},)"
      R"({"role":"assistant","text":"a","rating":4},{"role":"user","text":"thanks","at":1772357500}]})");
  EXPECT_EQ(counts(importer_.import_conversations(longer)),
            "0 added, 1 updated, 0 unchanged, 0 failed");
  EXPECT_EQ(counts(importer_.import_conversations(longer)),
            "0 added, 0 updated, 1 unchanged, 0 failed");
  const auto turns = stores_->conversations().turns(user("u1"), ConversationId("c1"));
  ASSERT_THAT(*turns, SizeIs(3));
  EXPECT_EQ(base::to_iso8601((*turns)[0].at), "2026-03-01T09:30:00.000000Z");
  EXPECT_EQ((*turns)[1].at, (*turns)[0].at + 1);
  EXPECT_EQ((*turns)[1].rating, 4.0);
  EXPECT_EQ((*turns)[2].at, 1772357500'000'000);
}

TEST_F(ImportTest, ABadConversationLeavesNothing) {
  const auto file =
      write("c.jsonl",
            R"({"id":"c1","user":"u1","turns":[{"role":"user","text":"q"},{"role":"assistant"}]})"
            "\n"
            R"({"id":"c2","user":"u1","turns":[]})"
            "\n"
            R"({"id":"c3","turns":[{"role":"user","text":"q"}]})"
            "\n"
            R"({"id":"c4","user":"u1","at":"soon","turns":[{"role":"user","text":"q"}]})"
            "\n"
            R"({"id":"c5","user":"u1","turns":[{"role":"user","text":"q","rating":"high"}]})"
            "\n");
  EXPECT_EQ(counts(importer_.import_conversations(file)),
            "0 added, 0 updated, 0 unchanged, 5 failed");
  EXPECT_THAT(*stores_->conversations().list(user("u1"), 9), SizeIs(0));
}

TEST_F(ImportTest, AnImportedConversationThatContradictsTheStoredOneIsABadLine) {
  const auto line = [](const char* text) {
    return std::string(R"({"id":"c1","user":"u1","turns":[{"role":"user","text":")") + text +
           "\"}]}\n";
  };
  importer_.import_conversations(write("a.jsonl", line("one"))).has_value();
  const auto report = importer_.import_conversations(write("b.jsonl", line("two")));
  EXPECT_EQ(counts(report), "0 added, 0 updated, 0 unchanged, 1 failed");
}

TEST_F(ImportTest, ReadsConversationsFromCsvOneRowPerTurn) {
  const auto file = write("c.csv",
                          "id,user,turns.role,turns.text,turns.rating\n"
                          "c1,u1,user,\"hello, you\",\n"
                          "c1,u1,assistant,hi,5\n"
                          "c2,u2,user,other,\n");
  EXPECT_EQ(counts(importer_.import_conversations(file)),
            "2 added, 1 updated, 0 unchanged, 0 failed");
  EXPECT_EQ(counts(importer_.import_conversations(file)),
            "0 added, 0 updated, 3 unchanged, 0 failed");
  const auto turns = stores_->conversations().turns(user("u1"), ConversationId("c1"));
  ASSERT_THAT(*turns, SizeIs(2));
  EXPECT_EQ((*turns)[0].text, "hello, you");
  EXPECT_EQ((*turns)[1].rating, 5.0);
}

TEST_F(ImportTest, ImportsFeedbackOnceWithValuesOfEveryKind) {
  const auto file =
      write("f.jsonl", R"({"decision":"d1","user":"u1","kind":"thumb","value":true})"
                       "\n"
                       R"({"decision":"d1","user":"u1","kind":"rating","value":4.5})"
                       "\n"
                       R"({"decision":"d1","user":"u1","kind":"reply","value":"great"})"
                       "\n"
                       R"({"decision":"d1","user":"u1","kind":"reply"})"
                       "\n"
                       R"({"user":"u1","kind":"thumb","value":1})"
                       "\n");
  EXPECT_EQ(counts(importer_.import_feedback(file)), "3 added, 0 updated, 0 unchanged, 2 failed");
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(counts(importer_.import_feedback(file)), "0 added, 0 updated, 3 unchanged, 2 failed");
  const auto rows = stores_->feedback().list_decision(user("u1"), DecisionId("d1"));
  ASSERT_THAT(*rows, SizeIs(3));
  double sum = 0.0;
  std::string text;
  for (const auto& row : *rows) {
    sum += row.value.value_or(0.0);
    text += row.text;
  }
  EXPECT_EQ(sum, 5.5);
  EXPECT_EQ(text, "great");
}

TEST_F(ImportTest, AFailingStoreStopsTheImportInsteadOfLosingLines) {
  const auto faulty = storage::make_faulty(*stores_);
  faulty->set_plan({.fail_at = 4});
  Importer importer(*faulty, clock_);
  const auto file = write("u.csv", "id\nu1\nu2\nu3\n");
  const auto report = importer.import_users(file);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(report.error().message, HasSubstr("u.csv:3"));
  // What its group had stored before went back with it.
  faulty->set_plan({});
  EXPECT_EQ(counts(importer.import_users(file)), "3 added, 0 updated, 0 unchanged, 0 failed");
}

TEST_F(ImportTest, ImportsTheServiceDeskEmployees) {
  const char* source_dir = std::getenv("KITH_SOURCE_DIR");
  const auto file = std::filesystem::path(source_dir ? source_dir : ".") /
                    "examples/service-desk/employees.jsonl";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
  EXPECT_EQ(counts(importer_.import_users(file)), "300 added, 0 updated, 0 unchanged, 0 failed");
  EXPECT_EQ(counts(importer_.import_users(file)), "0 added, 0 updated, 300 unchanged, 0 failed");
}

}  // namespace
}  // namespace kith::profile
