#include "kith/personalize/newcomers.h"

#include <gtest/gtest.h>

#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

class NewcomersTest : public PipelineTest {
 protected:
  Status note() {
    return note_newcomers({*stores_, *assigner_, clock_}, scope("ada").tenant_scope());
  }

  std::int64_t size(const char* persona) {
    const storage::FleetQuery query{PersonaId(persona), 1, clock_.now() + 1, clock_.now() + 1};
    const auto figures = sqlite_->fleet().figures(scope("ada").tenant_scope(), query);
    EXPECT_TRUE(figures);
    return figures ? figures->total.size : -1;
  }
};

TEST_F(NewcomersTest, WhoHasNeverAskedIsCountedByHisAttributes) {
  add_user("ada", {{"grade", "director"}});
  add_user("bob", {{"grade", "technician"}});
  ASSERT_TRUE(note());
  EXPECT_EQ(size("boss"), 1);
  EXPECT_EQ(size("tech"), 1);
  EXPECT_FALSE(sqlite_->personas().find(scope("ada"))->has_value());
  // He moves; she asks, and is counted once.
  ASSERT_TRUE(sqlite_->users().upsert(scope("bob"), {{"grade", "director"}}, clock_.now()));
  must_answer(ask("ada", "who owns the risk"));
  ASSERT_TRUE(note());
  EXPECT_EQ(size("boss"), 2);
  EXPECT_EQ(size("tech"), 0);
}

TEST_F(NewcomersTest, WithoutConsentNobodyIsCounted) {
  for (const char* user : {"ada", "bob"}) add_user(user, {{"grade", "director"}});
  refuse("ada", storage::kConsentLearn);
  refuse("bob", storage::kConsentPersonalize);
  ASSERT_TRUE(note());
  EXPECT_EQ(size("boss"), 0);
}

TEST_F(NewcomersTest, AllPagesAreSeenAndAStopEndsThePassBetweenThem) {
  for (int i = 0; i < 250; ++i) add_user("u" + std::to_string(i), {{"grade", "director"}});
  std::stop_source stop;
  const NewcomerSources sources{*stores_, *assigner_, clock_};
  const Status stopped = note_newcomers(sources, scope("ada").tenant_scope(), stop.get_token(),
                                        [&] { stop.request_stop(); });
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(size("boss"), 100);
  ASSERT_TRUE(note());
  EXPECT_EQ(size("boss"), 250);
}

TEST_F(NewcomersTest, ThePassLooksInTheBackgroundAndTakesUpWhatItLeft) {
  for (int i = 0; i < 130; ++i) add_user("u" + std::to_string(i), {{"grade", "director"}});
  const base::SystemClock clock;
  {
    NewcomerPass pass(*stores_, assigner_, clock, std::chrono::hours(1));
    pass.begin(scope("ada").tenant_scope());
  }
  EXPECT_EQ(size("boss"), 0);
  NewcomerPass pass(*stores_, assigner_, clock, std::chrono::milliseconds(0));
  pass.begin(scope("ada").tenant_scope());
  pass.begin(scope("ada").tenant_scope());
  pass.wait();
  // The pass's clock is the real one, which is later.
  const storage::FleetQuery query{PersonaId("boss"), 1, clock.now() + 1, clock.now() + 1};
  EXPECT_EQ(sqlite_->fleet().figures(scope("ada").tenant_scope(), query)->total.size, 130);
}

}  // namespace
}  // namespace kith::personalize
