#include "kith/memory/knowledge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "kith/base/test_directory.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::memory {
namespace {

using storage::WriteOutcome;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class KnowledgeTest : public testing::Test {
 protected:
  WriteOutcome add(const char* id, const char* title, const char* text, const char* lang = "en",
                   std::vector<std::string> access = {}) {
    return *knowledge_.add(scope_, {DocumentId(id), title, text, lang, std::move(access)});
  }

  std::vector<std::string> search(const std::string& query, std::vector<std::string> access = {},
                                  const std::string& lang = "") {
    std::vector<std::string> ids;
    const auto found = knowledge_.search(scope_, {query, std::move(access), lang, 5});
    EXPECT_TRUE(found);
    for (const Passage& passage : *found) ids.push_back(passage.id.str());
    return ids;
  }

  const base::TestDirectory directory_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(directory_.path() / "kith.db");
  const base::ManualClock clock_;
  Knowledge knowledge_{stores_->knowledge(), clock_};
  const storage::TenantScope scope_{TenantId("acme")};
};

TEST_F(KnowledgeTest, CitesTheBytesOfTheDocument) {
  const std::string text = "Intro.\n\n## Reset\n\nPress the red button for five seconds.\n";
  add("a", "Router", text.c_str());
  const auto found = knowledge_.search(scope_, {"which button resets?", {}, "", 5});
  ASSERT_THAT(*found, SizeIs(1));
  const Passage& passage = found->front();
  EXPECT_EQ(passage.text, "Press the red button for five seconds.");
  EXPECT_EQ(text.substr(passage.start, passage.end - passage.start), passage.text);
  EXPECT_EQ(passage.heading, "Reset");
  EXPECT_EQ(passage.title, "Router");
}

TEST_F(KnowledgeTest, FindsOtherFormsOfAWordAndChineseWords) {
  add("en", "Passwords", "Passwords expire after ninety days.");
  add("zh", "打印", "打印机缺纸时请到二楼领取。", "zh");
  EXPECT_THAT(search("When is my password expiring?"), ElementsAre("en"));
  EXPECT_THAT(search("打印机没有纸怎么办"), ElementsAre("zh"));
}

TEST_F(KnowledgeTest, FindsNothingWhenNothingMatches) {
  add("a", "Router", "Press the button.");
  EXPECT_THAT(search("quarterly dividends"), IsEmpty());
  EXPECT_THAT(search("what is it?"), IsEmpty());
  EXPECT_THAT(search(""), IsEmpty());
  EXPECT_THAT(search("\" OR * NEAR("), IsEmpty());
}

TEST_F(KnowledgeTest, PrefersTheReadersLanguage) {
  add("en", "Tidegate", "Tidegate connects from home.");
  add("zh", "Tidegate", "Tidegate 连接内网。", "zh");
  EXPECT_EQ(search("Tidegate", {}, "zh").front(), "zh");
  EXPECT_EQ(search("Tidegate", {}, "en").front(), "en");
}

TEST_F(KnowledgeTest, ShowsOnlyWhatTheReadersGroupsMaySee) {
  add("open", "Pay", "Salaries are paid monthly.");
  add("hr", "Pay", "Salaries of everybody, in a table.", "en", {"hr"});
  EXPECT_THAT(search("salaries"), ElementsAre("open"));
  EXPECT_THAT(search("salaries", {"hr"}), testing::UnorderedElementsAre("open", "hr"));
}

TEST_F(KnowledgeTest, AddingTheSameDocumentTwiceChangesNothing) {
  EXPECT_EQ(add("a", "T", "One text."), WriteOutcome::kAdded);
  EXPECT_EQ(add("a", "T", "One text."), WriteOutcome::kUnchanged);
  EXPECT_EQ(add("a", "T", "One text.", "en", {"hr"}), WriteOutcome::kUpdated);
  EXPECT_EQ(add("a", "T", "Another text.", "en", {"hr"}), WriteOutcome::kUpdated);
}

TEST_F(KnowledgeTest, DetectsTheLanguageThatIsNotGiven) {
  add("a", "T", "请在门户中提交申请，经理批准后生效。", "");
  EXPECT_EQ((*stores_->knowledge().find(scope_, DocumentId("a")))->lang, "zh");
}

TEST_F(KnowledgeTest, RefusesDocumentsItCouldNotQuote) {
  EXPECT_FALSE(knowledge_.add(scope_, {DocumentId("a"), "T", " \n", "en", {}}));
  EXPECT_FALSE(knowledge_.add(scope_, {DocumentId(""), "T", "text", "en", {}}));
  EXPECT_FALSE(knowledge_.add(scope_, {DocumentId("a"), "T", "\xFFtext", "en", {}}));
}

TEST_F(KnowledgeTest, ImportsJsonLinesAndCsvOnce) {
  const auto jsonl = directory_.path() / "k.jsonl";
  std::ofstream(jsonl) << R"({"id":"a","title":"A","text":"alpha","lang":"en","access":["hr"]})"
                       << "\n{\"id\":\"b\",\"title\":\"B\"}\n"
                       << R"({"id":"c","text":"gamma","access":7})"
                       << "\n";
  const auto csv = directory_.path() / "k.csv";
  std::ofstream(csv) << "id,title,text,lang,access\nd,D,\"delta, and\nmore\",en,hr; board\n";
  const auto first = knowledge_.import(scope_, jsonl);
  EXPECT_EQ(first->num_added, 1);
  ASSERT_THAT(first->bad_lines, SizeIs(2));
  EXPECT_EQ(first->bad_lines[1].line, 3);
  EXPECT_EQ(knowledge_.import(scope_, jsonl)->num_unchanged, 1);
  EXPECT_EQ(knowledge_.import(scope_, csv)->num_added, 1);
  EXPECT_EQ(knowledge_.import(scope_, csv)->num_unchanged, 1);
  EXPECT_THAT((*stores_->knowledge().find(scope_, DocumentId("d")))->access,
              ElementsAre("hr", "board"));
}

TEST_F(KnowledgeTest, PassesOnStoreErrors) {
  const auto faulty = storage::make_faulty(*stores_);
  Knowledge knowledge(faulty->knowledge(), clock_);
  faulty->set_plan({.fail_every = 1});
  EXPECT_EQ(knowledge.search(scope_, {"anything", {}, "", 5}).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace kith::memory
