#include "kith/storage/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "kith/base/test_directory.h"
#include "kith/storage/digest.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::storage {
namespace {

using testing::SizeIs;

class HistoryTest : public testing::Test {
 protected:
  // Turns alternate between user and assistant, starting with the user.
  Result<HistoryPlace> store(const std::vector<std::string>& texts, const char* conversation = "") {
    std::vector<NewTurn> turns;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      turns.push_back(NewTurn{i % 2 == 0 ? "user" : "assistant", texts[i], ++time_, {}, {}, ""});
    }
    const ConversationId named(conversation);
    const ConversationId new_id("new" + std::to_string(++num_ids_));
    const auto found = find_history(conversations_, scope_, named, turns, new_id);
    auto place = store_history(conversations_, scope_, named, turns, new_id);
    if (place) expect_foretold(found, *place);
    return place;
  }

  // find_history() writes nothing and says what store_history() then does.
  static void expect_foretold(const Result<HistoryPlace>& found, const HistoryPlace& place) {
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->conversation, place.conversation);
    EXPECT_EQ(found->first_turn, place.first_turn);
    EXPECT_EQ(found->num_turns, place.num_turns);
    EXPECT_EQ(found->num_added, place.num_added);
    EXPECT_EQ(found->is_new, place.is_new);
    EXPECT_EQ(found->is_forked, place.is_forked);
  }

  std::size_t num_conversations() { return conversations_.list(scope_, 99)->size(); }

  const base::TestDirectory directory_;
  const std::unique_ptr<StoreSet> stores_ = *open_sqlite(directory_.path() / "kith.db");
  ConversationStore& conversations_ = stores_->conversations();
  const Scope scope_{TenantId("acme"), UserId("ada")};
  base::UnixMicros time_ = 0;
  int num_ids_ = 0;
};

TEST_F(HistoryTest, StoresEachTurnOfAResentHistoryOnce) {
  const auto first = store({"q1"});
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_new);
  EXPECT_EQ(store({"q1", "a1"}, first->conversation.str().c_str())->num_added, 1);
  const auto second = store({"q1", "a1", "q2"});
  EXPECT_EQ(second->conversation, first->conversation);
  EXPECT_EQ(second->num_added, 1);
  EXPECT_FALSE(second->is_new);
  EXPECT_THAT(*conversations_.turns(scope_, first->conversation), SizeIs(3));
  EXPECT_EQ(num_conversations(), 1U);
}

TEST_F(HistoryTest, ARepeatedUnansweredRequestStaysInItsConversation) {
  const auto first = store({"q1"});
  const auto again = store({"q1"});
  EXPECT_EQ(again->conversation, first->conversation);
  EXPECT_EQ(again->num_added, 0);
}

TEST_F(HistoryTest, TheSameGreetingStartsANewConversationOnceAnswered) {
  const auto first = store({"hello", "hi"});
  const auto second = store({"hello"});
  EXPECT_NE(second->conversation, first->conversation);
  EXPECT_TRUE(second->is_new);
}

TEST_F(HistoryTest, AnEditedHistoryForksAndKeepsTheOriginal) {
  const auto first = store({"q1", "a1", "q2", "a2"});
  const auto edited = store({"q1", "a1", "q2 changed"});
  EXPECT_TRUE(edited->is_forked);
  EXPECT_NE(edited->conversation, first->conversation);
  EXPECT_EQ(edited->num_turns, 3);
  EXPECT_THAT(*conversations_.turns(scope_, edited->conversation), SizeIs(3));
  EXPECT_THAT(*conversations_.turns(scope_, first->conversation), SizeIs(4));
  EXPECT_EQ((*conversations_.find(scope_, edited->conversation))->forked_from, first->conversation);
}

TEST_F(HistoryTest, AnAnswerEditedByTheClientForksAfterTheLastEqualTurn) {
  const auto first = store({"q1", "a1", "q2", "a2"});
  const auto edited = store({"q1", "a1", "q2", "a2 edited", "q3"});
  EXPECT_TRUE(edited->is_forked);
  EXPECT_EQ((*conversations_.find(scope_, edited->conversation))->fork_turns, 3);
  EXPECT_EQ((*conversations_.find(scope_, edited->conversation))->forked_from, first->conversation);
}

TEST_F(HistoryTest, AnAnswerGeneratedAnewForks) {
  const auto first = store({"q1", "a1"});
  const auto anew = store({"q1", "another a1"}, first->conversation.str().c_str());
  EXPECT_TRUE(anew->is_forked);
  EXPECT_EQ(num_conversations(), 2U);
}

TEST_F(HistoryTest, WhiteSpaceAroundATextDoesNotFork) {
  const auto first = store({"q1", "a1\n"});
  const auto second = store({"q1 ", "a1", "q2"});
  EXPECT_EQ(second->conversation, first->conversation);
}

TEST_F(HistoryTest, AHistoryWithoutItsOldestTurnsContinuesItsConversation) {
  ASSERT_TRUE(store({"q1", "a1", "q2", "a2"}, "c"));
  const auto place = store({"q2", "a2", "q3"}, "c");
  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(place->conversation, ConversationId("c"));
  EXPECT_EQ(place->first_turn, 2);
  EXPECT_EQ(place->num_added, 1);
  EXPECT_THAT(*conversations_.turns(scope_, ConversationId("c")), SizeIs(5));
  EXPECT_EQ(store({"q2", "a2", "q3"}, "c")->num_added, 0);
  EXPECT_EQ(num_conversations(), 1U);
}

TEST_F(HistoryTest, FollowsTheMostRecentOfEqualConversations) {
  store({"q", "a"}, "older").has_value();
  store({"q", "a"}, "newer").has_value();
  EXPECT_EQ(store({"q", "a", "q2"})->conversation, ConversationId("newer"));
}

TEST_F(HistoryTest, NeverContinuesAnotherUsersConversation) {
  ASSERT_TRUE(store({"q", "a"}));
  const std::vector<NewTurn> turns{{"user", "q", 1, {}, {}, ""},
                                   {"assistant", "a", 2, {}, {}, ""},
                                   {"user", "q2", 3, {}, {}, ""}};
  const Scope bob{scope_.tenant, UserId("bob")};
  const auto place = store_history(conversations_, bob, {}, turns, ConversationId("bobs"));
  EXPECT_EQ(place->conversation, ConversationId("bobs"));
  EXPECT_EQ(place->num_added, 3);
}

TEST_F(HistoryTest, TwoAnswersAtOnceBothFindTheirPlace) {
  for (int round = 0; round < 8; ++round) {
    const ConversationId id("c" + std::to_string(round));
    std::array<bool, 2> stored{};
    std::array<std::thread, 2> threads;
    for (std::size_t t = 0; t < threads.size(); ++t) {
      threads[t] = std::thread([&, t] {
        const std::string answer = "a" + std::to_string(t);
        const std::array turns{NewTurn{"user", "q", 1, {}, {}, ""},
                               NewTurn{"assistant", answer, 2, {}, {}, ""}};
        const auto place = store_history(conversations_, scope_, id, turns,
                                         ConversationId(id.str() + "-" + answer));
        stored[t] =
            place && conversations_.turns(scope_, place->conversation)->at(1).text == answer;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(stored[0] && stored[1]);
  }
  EXPECT_EQ(num_conversations(), 16U);
}

TEST_F(HistoryTest, RefusesAnEmptyHistoryAndPassesOnStoreErrors) {
  EXPECT_EQ(store({}).error().code, ErrorCode::kInvalidArgument);
  const auto faulty = make_faulty(*stores_);
  faulty->set_plan({.fail_every = 1, .code = ErrorCode::kUnavailable});
  const std::vector<NewTurn> turns{{"user", "q", 1, {}, {}, ""}};
  EXPECT_EQ(
      store_history(faulty->conversations(), scope_, {}, turns, ConversationId("x")).error().code,
      ErrorCode::kUnavailable);
}

TEST(DigestTest, DistinguishesWhereTheTextsDivide) {
  EXPECT_NE(digest({"ab", "c"}), digest({"a", "bc"}));
  EXPECT_NE(digest({"a"}), digest({"a", ""}));
  EXPECT_EQ(digest({"a", "b"}), digest({"a", "b"}));
  EXPECT_EQ(digest({"a"}).size(), 32U);
}

}  // namespace
}  // namespace kith::storage
