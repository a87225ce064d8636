#include "kith/storage/faulty/faulty_store_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "kith/base/test_directory.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::storage {
namespace {

class FaultyStoreSetTest : public testing::Test {
 protected:
  Result<int> append(int index) {
    const std::array turn{NewTurn{"user", "text " + std::to_string(index), index, {}, {}, ""}};
    return faulty_->conversations().append(ada_, ConversationId("c"), index, turn);
  }

  const base::TestDirectory directory_;
  const std::unique_ptr<StoreSet> inner_ = *open_sqlite(directory_.path() / "kith.db");
  const std::unique_ptr<FaultyStoreSet> faulty_ = make_faulty(*inner_);
  const Scope ada_{TenantId("acme"), UserId("ada")};
};

TEST_F(FaultyStoreSetTest, FailsTheChosenCallWithTheChosenCode) {
  faulty_->set_plan({.fail_at = 2, .code = ErrorCode::kOverloaded});
  EXPECT_TRUE(faulty_->users().upsert(ada_, {}, 1));
  EXPECT_EQ(faulty_->users().find(ada_).error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(faulty_->users().find(ada_));
  EXPECT_EQ(faulty_->num_calls(), 3);
  EXPECT_EQ(faulty_->num_failures(), 1);
}

TEST_F(FaultyStoreSetTest, AcknowledgedWritesSurviveAndFailedOnesLeaveNothing) {
  faulty_->set_plan({.fail_every = 3});
  int num_acknowledged = 0;
  for (int i = 0; i < 30; ++i) {
    if (append(num_acknowledged)) ++num_acknowledged;
  }
  EXPECT_EQ(num_acknowledged, 20);
  EXPECT_THAT(*inner_->conversations().turns(ada_, ConversationId("c")), testing::SizeIs(20));
}

TEST_F(FaultyStoreSetTest, AWriteWhoseAnswerWasLostCanBeRepeated) {
  faulty_->set_plan({.fail_at = 1, .after_the_work = true});
  EXPECT_FALSE(append(0));
  EXPECT_EQ(*append(0), 0);
  EXPECT_THAT(*inner_->conversations().turns(ada_, ConversationId("c")), testing::SizeIs(1));
}

TEST_F(FaultyStoreSetTest, DelaysCalls) {
  using namespace std::chrono_literals;
  faulty_->set_plan({.delay = 20ms});
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(faulty_->users().find(ada_));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST_F(FaultyStoreSetTest, ReachesEveryStore) {
  faulty_->set_plan({.fail_every = 1});
  EXPECT_FALSE(faulty_->users().find(ada_));
  EXPECT_FALSE(faulty_->consents().allows(ada_, kConsentLearn));
  EXPECT_FALSE(faulty_->personas().find(ada_));
  EXPECT_FALSE(faulty_->conversations().list(ada_, 1));
  EXPECT_FALSE(faulty_->decisions().list(ada_, 1));
  EXPECT_FALSE(faulty_->feedback().list(ada_, 1));
  EXPECT_FALSE(faulty_->knowledge().list(ada_.tenant_scope(), DocumentId{}, 1));
  EXPECT_FALSE(faulty_->keys().list(ada_.tenant_scope()));
  EXPECT_FALSE(faulty_->adapter_versions().list(AdapterId{}));
  EXPECT_FALSE(faulty_->embeddings().list(ada_));
  EXPECT_EQ(faulty_->num_failures(), 10);
}

}  // namespace
}  // namespace kith::storage
