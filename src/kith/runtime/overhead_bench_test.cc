#include "kith/runtime/overhead_bench.h"

#include <gtest/gtest.h>

#include "kith/base/test_directory.h"
#include "kith/runtime/bench_installation.h"
#include "kith/runtime/installation.h"

namespace kith::runtime {
namespace {

TEST(OverheadBenchTest, MeasuresWithAndWithoutDocuments) {
  const base::TestDirectory cache;
  Config config;
  config.model.threads = 1;
  const auto results =
      bench_overhead(config, {.num_users = 12, .num_requests = 6, .cache = cache.path()});
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 2U);
  EXPECT_EQ(results->front().num_documents, 0);
  EXPECT_GT(results->back().num_documents, 0);
  for (const OverheadResult& result : *results) {
    EXPECT_GT(result.before_generator_ms.p50, 0.0);
    EXPECT_GE(result.overhead_ms.p50, result.before_generator_ms.p50);
    EXPECT_GE(result.overhead_ms.p99, result.overhead_ms.p50);
    EXPECT_GE(result.answer_ms.p50, result.overhead_ms.p50);
    EXPECT_TRUE(result.steps_ms.contains("persona"));
  }
}

TEST(BenchInstallationTest, HoldsUsersWithAttributesAssignmentsAndConversations) {
  const base::TestDirectory cache;
  const auto made = cached_installation(6, cache.path());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*cached_installation(6, cache.path()), *made);
  Config config;
  config.data.dir = made->string();
  const auto installation = Installation::open(config);
  ASSERT_TRUE(installation) << installation.error().message;
  storage::StoreSet& stores = (*installation)->stores();
  for (int i = 0; i < 6; ++i) {
    const storage::Scope scope{default_tenant().tenant, bench_user(i)};
    const auto user = stores.users().find(scope);
    ASSERT_TRUE(user && *user);
    EXPECT_FALSE((*user)->attributes.empty());
    const auto assignment = stores.personas().find(scope);
    ASSERT_TRUE(assignment && *assignment);
    EXPECT_EQ((*assignment)->model_version, (*installation)->assigner()->version());
    EXPECT_EQ(stores.conversations().list(scope, 9)->size(), i % 5 == 0 ? 1U : 0U);
  }
  EXPECT_FALSE((*stores.users().find({default_tenant().tenant, bench_user(6)})).has_value());
}

}  // namespace
}  // namespace kith::runtime
