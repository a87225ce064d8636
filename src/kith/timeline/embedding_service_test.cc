#include "kith/timeline/embedding_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/test_directory.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/timeline/test_encoder.h"

namespace kith::timeline {
namespace {

using storage::Scope;

class EmbeddingServiceTest : public testing::Test {
 protected:
  EmbeddingServiceTest() {
    for (const int seed : {3, 4}) {
      std::filesystem::create_directory(encoder_dir(seed));
      write_tiny_encoder(encoder_dir(seed), static_cast<std::uint64_t>(seed));
    }
  }

  std::filesystem::path encoder_dir(int seed) const { return dir_.path() / std::to_string(seed); }

  std::unique_ptr<EmbeddingService> make(int seed, const EmbeddingServiceOptions& options) {
    auto encoder = EventEncoder::load(encoder_dir(seed), {.max_states = options.max_states});
    EXPECT_TRUE(encoder) << encoder.error().message;
    return std::make_unique<EmbeddingService>(*stores_, *std::move(encoder), clock_, compute_here,
                                              options);
  }

  Scope user(int index) const { return {acme_.tenant, UserId("u" + std::to_string(index))}; }

  void add_users(int first, int last) {
    for (int index = first; index < last; ++index) {
      for (int i = 0; i < 6; ++i) add_event(user(index));
      ASSERT_TRUE(stores_->personas().put(
          user(index), {{{PersonaId(index % 2 == 0 ? "even" : "odd"), 1.0}}, "{}", "v", 1}));
    }
  }
  void add_event(const Scope& scope) {
    ASSERT_TRUE(stores_->timelines().add(
        acme_, std::array{random_event(rng_, scope.user, clock_at_ += 60)}));
  }

  static EmbeddingServiceOptions fast() {
    EmbeddingServiceOptions options;
    options.max_states = 4;
    options.users_per_second = 1e6;
    options.answer_wait = std::chrono::milliseconds(5000);
    options.scan_every = std::chrono::milliseconds(20);
    options.min_mean_users = 3;
    return options;
  }

  // Until `is_so`; false after ten seconds.
  static bool comes_true(const std::function<bool()>& is_so) {
    for (int i = 0; i < 1000; ++i) {
      if (is_so()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  const base::TestDirectory dir_;
  const std::unique_ptr<storage::StoreSet> stores_ =
      *storage::open_sqlite(dir_.path() / "kith.db", {.is_durable = false});
  const base::ManualClock clock_;
  base::Rng rng_{5};
  std::int64_t clock_at_ = 1000;
  const storage::TenantScope acme_{TenantId("acme")};
};

TEST_F(EmbeddingServiceTest, EmbedsEverybodyAndTakesInWhatHappensLater) {
  add_users(0, 8);
  const auto service = make(3, fast());
  ASSERT_TRUE(service->start());
  EXPECT_TRUE(comes_true([&] {
    return stores_->embeddings().coverage(acme_, service->encoder_version())->num_current == 8;
  }));
  add_event(user(2));
  const auto found = service->find(user(2));
  ASSERT_TRUE(found && *found);
  EXPECT_TRUE((*found)->is_current);
  EXPECT_FALSE((*found)->is_mean());
  EXPECT_EQ((*found)->row.num_events, 7);
  // The background finds those whom nobody asks for.
  add_event(user(5));
  service->wake();
  EXPECT_TRUE(comes_true([&] {
    return stores_->embeddings().coverage(acme_, service->encoder_version())->num_current == 8;
  }));
}

TEST_F(EmbeddingServiceTest, AnotherVersionServesUntilTheNewOneHasEmbeddedEverybody) {
  add_users(0, 6);
  std::string old_version;
  {
    const auto service = make(3, fast());
    ASSERT_TRUE(service->run_once());
    old_version = service->encoder_version();
    EXPECT_EQ(service->served_version(acme_), old_version);
  }
  auto slow = fast();
  slow.users_per_second = 0.5;
  {
    const auto service = make(4, slow);
    ASSERT_TRUE(service->start());
    ASSERT_TRUE(comes_true([&] { return stores_->embeddings().versions(acme_)->size() == 2; }));
    EXPECT_EQ(service->served_version(acme_), old_version);
    const auto found = service->find(user(1));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->row.version, old_version);
    EXPECT_EQ(service->nearest(acme_, (*found)->row.vector, 9, {})->size(), 6U);
  }
  // Stopped half way, it goes on where it was.
  const auto service = make(4, fast());
  ASSERT_TRUE(service->run_once());
  EXPECT_EQ(service->served_version(acme_), service->encoder_version());
  EXPECT_THAT(*stores_->embeddings().versions(acme_),
              testing::ElementsAre(testing::Pair(service->encoder_version(), 6)));
  EXPECT_EQ((*service->find(user(1)))->row.version, service->encoder_version());
}

TEST_F(EmbeddingServiceTest, WhoHasNoEventsGetsTheMeanOfHisPersona) {
  add_users(0, 8);
  const auto service = make(3, fast());
  ASSERT_TRUE(service->run_once());
  const Scope newcomer{acme_.tenant, UserId("new")};
  ASSERT_TRUE(stores_->personas().put(newcomer, {{{PersonaId("even"), 1.0}}, "{}", "v", 1}));
  const auto found = service->find(newcomer);
  ASSERT_TRUE(found && *found);
  EXPECT_TRUE((*found)->is_of_persona);
  EXPECT_EQ((*found)->mean_persona, PersonaId("even"));
  EXPECT_EQ((*found)->num_mean_users, 4);
  EXPECT_EQ((*found)->row.num_events, 0);
  std::vector<float> sum((*found)->row.latents.size());
  for (const int index : {0, 2, 4, 6}) {
    const auto one = **service->find(user(index));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one.row.latents[i] / 4.0F;
  }
  for (std::size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NEAR((*found)->row.latents[i], sum[i], 1e-4) << i;
  }
  // Without a persona: of all.
  const auto stranger = service->find({acme_.tenant, UserId("stranger")});
  ASSERT_TRUE(stranger && *stranger);
  EXPECT_EQ((*stranger)->num_mean_users, 8);
  EXPECT_EQ((*stranger)->mean_persona, PersonaId());
  EXPECT_FALSE((*service->find({TenantId("other"), UserId("x")})).has_value());
}

TEST_F(EmbeddingServiceTest, NobodySeesWhoRefusesOrIsErased) {
  add_users(0, 6);
  const auto service = make(3, fast());
  ASSERT_TRUE(service->run_once());
  const auto vector = (*service->find(user(0)))->row.vector;
  ASSERT_EQ(service->nearest(acme_, vector, 9, {user(0).user})->size(), 5U);
  ASSERT_TRUE(stores_->consents().set(user(1), storage::kConsentLearn, false, 1));
  EXPECT_EQ(service->nearest(acme_, vector, 9, {user(0).user})->size(), 4U);
  EXPECT_FALSE((*service->find(user(1))).has_value());
  service->forget(user(2));
  ASSERT_TRUE(stores_->users().erase(user(2), 1));
  const auto neighbours = *service->nearest(acme_, vector, 3, {user(0).user});
  ASSERT_EQ(neighbours.size(), 3U);
  for (const Neighbour& neighbour : neighbours) {
    EXPECT_NE(neighbour.user, user(1).user);
    EXPECT_NE(neighbour.user, user(2).user);
  }
  ASSERT_TRUE(service->run_once());
  EXPECT_EQ(stores_->embeddings().versions(acme_)->at(service->encoder_version()), 4);
}

TEST_F(EmbeddingServiceTest, NamesWhatIsLikeliestNext) {
  add_users(0, 1);
  const auto service = make(3, fast());
  ASSERT_TRUE(service->start());
  EXPECT_THAT(service->nameable_features(), testing::ElementsAre("item"));
  const auto wait = std::chrono::milliseconds(5000);
  const auto values = service->next_values(user(0), "item", 5, wait);
  ASSERT_TRUE(values) << values.error().message;
  ASSERT_EQ(values->size(), 5U);
  EXPECT_TRUE(values->front().value.starts_with("item "));
  EXPECT_GE(values->at(0).probability, values->at(1).probability);
  EXPECT_LT(values->front().probability, 1.0);
  EXPECT_EQ(service->next_values(user(0), "gap", 5, wait).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(service->next_values({acme_.tenant, UserId("none")}, "item", 5, wait)->empty());
}

TEST(ChooseVersionTest, TheNewOneServesOnceItCoversAll) {
  EXPECT_EQ(choose_version({}, "new", {5, 0, 0}), "new");
  EXPECT_EQ(choose_version({{"new", 2}}, "new", {5, 2, 2}), "new");
  EXPECT_EQ(choose_version({{"new", 4}, {"old", 3}}, "new", {5, 4, 4}), "old");
  EXPECT_EQ(choose_version({{"new", 5}, {"old", 3}}, "new", {5, 5, 2}), "new");
  EXPECT_EQ(choose_version({{"a", 2}, {"b", 3}}, "new", {5, 0, 0}), "b");
}

}  // namespace
}  // namespace kith::timeline
