#include "kith/memory/recent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kith/base/test_directory.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::memory {
namespace {

using storage::NewTurn;

class RecentTest : public testing::Test {
 protected:
  void exchange(const char* conversation, const char* question, const char* answer) {
    const ConversationId id(conversation);
    const auto row = stores_->conversations().find(scope_, id);
    const std::array turns{NewTurn{"user", question, ++time_, {}, {}, ""},
                           NewTurn{"assistant", answer, ++time_, {}, {}, ""}};
    const int first = *row ? (*row)->num_turns : 0;
    ASSERT_TRUE(stores_->conversations().append(scope_, id, first, turns));
  }

  std::string recent(const RecentOptions& options) {
    std::string joined;
    const auto turns = recent_turns(stores_->conversations(), scope_, options);
    for (const auto& turn : *turns) {
      joined += (joined.empty() ? "" : " ") + turn.text;
    }
    return joined;
  }

  const base::TestDirectory directory_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(directory_.path() / "kith.db");
  const storage::Scope scope_{TenantId("acme"), UserId("ada")};
  base::UnixMicros time_ = 0;
};

TEST_F(RecentTest, GivesTheNewestExchangesOldestFirst) {
  exchange("c1", "q1", "a1");
  exchange("c2", "q2", "a2");
  exchange("c3", "q3", "a3");
  EXPECT_EQ(recent({.max_turns = 4}), "q2 a2 q3 a3");
  EXPECT_EQ(recent({.current = ConversationId("c3"), .max_turns = 4}), "q1 a1 q2 a2");
  EXPECT_EQ(recent({.not_before = 4}), "q3 a3");
}

TEST_F(RecentTest, NeverCutsAnExchange) {
  exchange("c1", "q1", "a1");
  exchange("c2", "q2", "a2");
  EXPECT_EQ(recent({.max_turns = 3}), "q2 a2");
  EXPECT_EQ(recent({.budget = 7}), "q2 a2");
  EXPECT_EQ(recent({.budget = 8}), "q1 a1 q2 a2");
  EXPECT_EQ(recent({.budget = 3}), "");
}

TEST_F(RecentTest, CountsCharactersUnlessToldOtherwise) {
  exchange("c1", "密码", "重置");
  EXPECT_EQ(recent({.budget = 4}), "密码 重置");
  EXPECT_EQ(recent({.budget = 4, .cost = [](std::string_view text) { return text.size(); }}), "");
}

TEST_F(RecentTest, IsEmptyForAnUnknownUser) { EXPECT_EQ(recent({}), ""); }

}  // namespace
}  // namespace kith::memory
