#include "kith/timeline/user_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "kith/base/test_directory.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/timeline/test_encoder.h"

namespace kith::timeline {
namespace {

using storage::Scope;
using storage::UserEvent;

class UserEmbedderTest : public testing::Test {
 protected:
  UserEmbedderTest() {
    write_tiny_encoder(dir_.path(), 3);
    encoder_ = load();
  }

  std::unique_ptr<EventEncoder> load() {
    auto encoder = EventEncoder::load(dir_.path(), {.threads = 1, .max_states = 2});
    EXPECT_TRUE(encoder) << encoder.error().message;
    return encoder ? *std::move(encoder) : nullptr;
  }

  void add(const UserEvent& row) { ASSERT_TRUE(stores_->timelines().add(acme_, std::array{row})); }
  void add_events(const Scope& scope, int count) {
    for (int i = 0; i < count; ++i) add(random_event(rng_, scope.user, clock_at_ += 60));
  }

  // By another encoder, from the first event on.
  UserEmbedding from_scratch(const Scope& scope) {
    const auto encoder = load();
    auto state = *encoder->start();
    std::vector<storage::TimelineEvent> events;
    for (auto& placed : *stores_->timelines().newest(scope, {}, 9999)) {
      events.push_back(placed.event);
    }
    EXPECT_TRUE(encoder->append(state, events));
    return *encoder->embed(state);
  }

  const base::TestDirectory dir_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(dir_.path() / "kith.db", {.is_durable = false});
  const base::ManualClock clock_;
  std::unique_ptr<EventEncoder> encoder_;
  base::Rng rng_{5};
  std::int64_t clock_at_ = 1000;
  const storage::TenantScope acme_{TenantId("acme")};
  const Scope ada_{TenantId("acme"), UserId("ada")};
  const Scope bob_{TenantId("acme"), UserId("bob")};
};

TEST_F(UserEmbedderTest, CarriesAKeptStateOnAndStoresWhatItWasMadeOf) {
  UserEmbedder embedder(*stores_, *encoder_, clock_, compute_here, {.max_states = 2});
  EXPECT_EQ(embedder.refresh(ada_)->kind, RefreshKind::kNothing);
  add_events(ada_, 30);
  EXPECT_EQ(embedder.refresh(ada_)->kind, RefreshKind::kRebuilt);
  EXPECT_EQ(embedder.refresh(ada_)->kind, RefreshKind::kCurrent);
  add_events(ada_, 1);
  const auto carried = embedder.refresh(ada_);
  ASSERT_TRUE(carried) << carried.error().message;
  EXPECT_EQ(carried->kind, RefreshKind::kCarriedOn);
  const auto row = **stores_->embeddings().find(ada_, encoder_->version());
  EXPECT_EQ(row, *carried->row);
  EXPECT_EQ(row.head, **stores_->timelines().head(ada_));
  EXPECT_EQ(row.num_events, 31);
  EXPECT_EQ(row.made_at, clock_.now());
  EXPECT_EQ(row.num_latents, encoder_->num_latents());
}

// Three users, room for two, in any order of late, changed, repeated and new events: what is stored
// is what the whole timeline gives, bit for bit.
TEST_F(UserEmbedderTest, HoweverItComesTheEmbeddingIsThatOfTheWholeTimeline) {
  UserEmbedder embedder(*stores_, *encoder_, clock_, compute_here, {.max_states = 2});
  const std::array users{ada_, bob_, Scope{acme_.tenant, UserId("cyd")}};
  std::map<RefreshKind, int> kinds;
  std::vector<UserEvent> known;
  for (int step = 0; step < 150; ++step) {
    const Scope& user = users[rng_.below(users.size())];
    const auto dice = rng_.below(10);
    if (dice == 0 && !known.empty()) {
      UserEvent changed = known[rng_.below(known.size())];
      changed.event.item = "item " + std::to_string(rng_.below(60));
      add(changed);
    } else if (dice == 1) {
      add(random_event(rng_, user.user, static_cast<std::int64_t>(rng_.below(1000))));
    } else {
      known.push_back(
          random_event(rng_, user.user, clock_at_ += static_cast<std::int64_t>(rng_.below(3))));
      add(known.back());
    }
    if (rng_.below(3) != 0) continue;
    const auto refreshed = embedder.refresh(user);
    ASSERT_TRUE(refreshed) << refreshed.error().message;
    ++kinds[refreshed->kind];
    if (!refreshed->row) continue;
    const UserEmbedding whole = from_scratch(user);
    EXPECT_EQ(refreshed->row->vector, whole.vector) << step;
    EXPECT_EQ(refreshed->row->latents, whole.latents) << step;
  }
  EXPECT_GT(kinds[RefreshKind::kCarriedOn], 3);
  EXPECT_GT(kinds[RefreshKind::kRebuilt], 3);
  EXPECT_LE(embedder.num_states(), 2);
}

TEST_F(UserEmbedderTest, WhoRefusesOrIsErasedHasNeitherStateNorRow) {
  UserEmbedder embedder(*stores_, *encoder_, clock_, compute_here, {.max_states = 2});
  for (const Scope& user : {ada_, bob_}) {
    add_events(user, 5);
    ASSERT_TRUE(embedder.refresh(user));
  }
  EXPECT_EQ(embedder.num_states(), 2);
  ASSERT_TRUE(stores_->consents().set(ada_, storage::kConsentLearn, false, 1));
  add_events(ada_, 1);
  EXPECT_EQ(embedder.refresh(ada_)->kind, RefreshKind::kNothing);
  EXPECT_FALSE(embedder.next_scores(ada_, 0)->has_value());
  ASSERT_TRUE(stores_->users().erase(bob_, 1));
  EXPECT_EQ(embedder.refresh(bob_)->kind, RefreshKind::kNothing);
  EXPECT_EQ(embedder.num_states(), 0);
}

TEST_F(UserEmbedderTest, AFailureOfTheStoreCostsNothingButTheState) {
  const auto faulty = storage::make_faulty(*stores_);
  UserEmbedder embedder(*faulty, *encoder_, clock_, compute_here, {.max_states = 2});
  add_events(ada_, 9);
  for (int call = 1; call < 9; ++call) {
    add_events(ada_, 1);
    faulty->set_plan({.fail_at = call});
    const auto failed = embedder.refresh(ada_);
    faulty->set_plan({});
    const auto again = embedder.refresh(ada_);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->row->vector, from_scratch(ada_).vector) << call;
    EXPECT_EQ(again->row->head, **stores_->timelines().head(ada_));
  }
}

TEST_F(UserEmbedderTest, ALongTimelineIsGivenUpWhenTheServiceStops) {
  int turns = 0;
  UserEmbedder embedder(*stores_, *encoder_, clock_, compute_here,
                        {.max_states = 2, .goes_on = [&turns] { return ++turns < 2; }});
  std::vector<UserEvent> rows;
  for (int i = 0; i < 600; ++i) rows.push_back(random_event(rng_, ada_.user, clock_at_ += 5));
  ASSERT_TRUE(stores_->timelines().add(acme_, rows));
  EXPECT_EQ(embedder.refresh(ada_).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(turns, 2);
  EXPECT_EQ(embedder.num_states(), 0);
}

TEST_F(UserEmbedderTest, TellsWhatIsToBeExpectedNext) {
  UserEmbedder embedder(*stores_, *encoder_, clock_, compute_here, {.max_states = 2});
  add_events(ada_, 12);
  const auto scores = embedder.next_scores(ada_, 0);
  ASSERT_TRUE(scores && *scores);
  EXPECT_EQ((*scores)->size(), 50U);
  EXPECT_TRUE(std::all_of((*scores)->begin(), (*scores)->end(),
                          [](float score) { return std::isfinite(score); }));
}

}  // namespace
}  // namespace kith::timeline
