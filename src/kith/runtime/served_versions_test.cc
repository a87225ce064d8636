// Versions of adapters on a real engine: promoted, rolled back, tried on and withdrawn while it
// answers.
#include "kith/runtime/served_versions.h"

#include <gmock/gmock.h>

#include <thread>

#include "kith/persona/canary_trial.h"
#include "kith/persona/version_files.h"
#include "kith/runtime/test_model.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;
using personalize::only_adapter;
using storage::AdapterVersionId;
using storage::VersionStatus;

class ServedVersionsTest : public TinyEngineTest {
 protected:
  void SetUp() override {
    TinyEngineTest::SetUp();
    if (IsSkipped()) return;
    config_.data.dir = (directory_.path() / "data").string();
    open();
  }

  // As after a start of the server.
  void open() {
    versions_.reset();
    installation_.reset();
    installation_ = *Installation::open(config_);
    // A new process loads the model's own adapters.
    ASSERT_TRUE(generator_->adapters().load(AdapterId("calm"), model_dir_ / "adapters/calm"));
    auto created = ServedVersions::create(*installation_, &generator_->adapters());
    ASSERT_TRUE(created) << created.error().message;
    versions_ = *std::move(created);
  }

  // Registers the calm adapter with its update multiplied; its gate has passed.
  AdapterVersionId add(double factor) {
    const fs::path dir = directory_.path() / "source";
    fs::remove_all(dir);
    fs::copy(model_dir_ / "adapters/calm", dir, fs::copy_options::recursive);
    auto config = *base::parse_json(*base::read_file(dir / "adapter_config.json"));
    config["lora_alpha"] = config["lora_alpha"].get<double>() * factor;
    EXPECT_TRUE(base::write_file_atomically(dir / "adapter_config.json", base::dump_json(config)));
    persona::NewVersion version;
    version.adapter = AdapterId("calm");
    version.source = dir;
    const auto row = versions_->registry().add(version);
    EXPECT_TRUE(row) << row.error().message;
    EXPECT_TRUE(versions_->set_gate(row->id, true, "{}", "gate"));
    return row->id;
  }

  personalize::HeldVersion hold(const std::string& user) {
    auto held =
        personalize::hold_version(*generator_, versions_.get(), {TenantId("t"), UserId(user)},
                                  personalize::only_adapter(AdapterId("calm")));
    EXPECT_TRUE(held) << held.error().message;
    return *std::move(held);
  }

  double score(const personalize::HeldVersion& version) {
    personalize::ScoreRequest request;
    request.messages = {{"user", "Once", {}}};
    request.adapters = version.shares;
    request.held_adapters = version.held;
    request.continuations = {"upon a time"};
    return generator_->score(request)->front();
  }

  // A user inside of the canary's share, or outside.
  static std::string user_in(const AdapterVersionId& id, double share, bool is_in) {
    for (int i = 0;; ++i) {
      const std::string user = "user" + std::to_string(i);
      if (persona::is_in_share("t", user, storage::to_string(id), share) == is_in) return user;
    }
  }

  Config config_;
  std::unique_ptr<Installation> installation_;
  std::unique_ptr<ServedVersions> versions_;
};

TEST_F(ServedVersionsTest, PromotionAndRollbackChangeWhatAnswersAtOnceAndSurviveARestart) {
  const double own = score(hold("ada"));
  EXPECT_EQ(hold("ada").version, 0);
  const auto one = add(2.0);
  const auto two = add(-3.0);
  ASSERT_TRUE(versions_->promote(one, {"ann", ""}));
  const auto begun = hold("ada");
  const double first = score(begun);
  EXPECT_EQ(begun.version, 1);
  EXPECT_NE(first, own);
  ASSERT_TRUE(versions_->promote(two, {"ann", ""}));
  EXPECT_EQ(hold("ada").version, 2);
  EXPECT_NE(score(hold("ada")), first);
  // What a request holds, it keeps.
  EXPECT_EQ(score(begun), first);
  open();
  EXPECT_EQ(hold("ada").version, 2);
  ASSERT_TRUE(versions_->rollback(AdapterId("calm"), {"ann", ""}));
  EXPECT_EQ(hold("ada").version, 1);
  EXPECT_EQ(score(hold("ada")), first);
  // Names of versions do not stay loaded.
  EXPECT_THAT(generator_->adapter_names(),
              testing::UnorderedElementsAre(AdapterId("calm"), AdapterId("brisk")));
  // Nobody learns where the data directory lies.
  for (const auto& loaded : generator_->loaded_adapters()) {
    EXPECT_EQ(loaded.path, loaded.id == AdapterId("calm") ? "" : "brisk");
  }
  ASSERT_TRUE(versions_->withdraw(one, {"ann", ""}));
  EXPECT_EQ(hold("ada").version, 0);
  EXPECT_EQ(score(hold("ada")), own);
}

TEST_F(ServedVersionsTest, WhatDoesNotLoadIsNotPromoted) {
  const auto good = add(2.0);
  ASSERT_TRUE(versions_->promote(good, {"ann", ""}));
  const auto huge = add(1e12);
  const auto refused = versions_->promote(huge, {"ann", ""});
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().message.find(directory_.path().string()), std::string::npos);
  EXPECT_EQ(versions_->registry().find(huge)->status, VersionStatus::kCandidate);
  EXPECT_EQ(hold("ada").version, 1);
}

TEST_F(ServedVersionsTest, AVersionWithChangedFilesIsLeftOutAtTheStart) {
  const auto one = add(2.0);
  ASSERT_TRUE(versions_->promote(one, {"ann", ""}));
  const fs::path config = installation_->path() / "adapters/calm/v1/adapter_config.json";
  fs::permissions(config, fs::perms::owner_all);
  std::ofstream(config, std::ios::app) << " ";
  fs::copy(model_dir_ / "adapters/brisk", directory_.path() / "other", fs::copy_options::recursive);
  ASSERT_TRUE(generator_->adapters().load(AdapterId("calm"), model_dir_ / "adapters/calm"));
  open();
  EXPECT_EQ(hold("ada").version, 0);
}

TEST_F(ServedVersionsTest, RequestsMeanwhileGetOneVersionOrTheOther) {
  const auto one = add(2.0);
  const auto two = add(-3.0);
  ASSERT_TRUE(versions_->promote(one, {"ann", ""}));
  const double first = score(hold("ada"));
  ASSERT_TRUE(versions_->promote(two, {"ann", ""}));
  const double second = score(hold("ada"));
  std::atomic<bool> ends{false};
  std::atomic<int> wrong{0};
  std::atomic<int> answered{0};
  std::vector<std::thread> users;
  for (int i = 0; i < 3; ++i) {
    users.emplace_back([&] {
      while (!ends) {
        const auto held = hold("ada");
        const double value = score(held);
        const bool is_right =
            (held.version == 1 && value == first) || (held.version == 2 && value == second);
        wrong += is_right ? 0 : 1;
        ++answered;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(versions_->promote(one, {"ann", ""}));
    ASSERT_TRUE(versions_->promote(two, {"ann", ""}));
  }
  ends = true;
  for (auto& user : users) user.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(answered, 0);
}

TEST_F(ServedVersionsTest, ACanaryServesItsShareAndIsWithdrawnWhenItDrawsThumbsDown) {
  const auto one = add(2.0);
  const auto two = add(-3.0);
  ASSERT_TRUE(versions_->promote(one, {"ann", ""}));
  ASSERT_TRUE(versions_->try_on(two, VersionStatus::kCanary, 0.5, {"ann", ""}));
  EXPECT_EQ(hold(user_in(two, 0.5, true)).version, 2);
  EXPECT_EQ(hold(user_in(two, 0.5, false)).version, 1);
  EXPECT_EQ(hold("").version, 1);
  open();
  EXPECT_EQ(hold(user_in(two, 0.5, true)).version, 2);
  const auto vote = [&](int number, int version, double value) {
    const storage::Scope scope{TenantId("t"), UserId("voter" + std::to_string(number))};
    storage::DecisionRow decision;
    decision.id = DecisionId("d" + std::to_string(number));
    decision.adapter = AdapterId("calm");
    decision.adapter_version = version;
    decision.at = clock_.now();
    ASSERT_TRUE(installation_->stores().decisions().put(scope, decision));
    ASSERT_TRUE(installation_->stores().feedback().add(
        scope, {"k", decision.id, "thumb", value, "", clock_.now(), clock_.now()}));
    versions_->on_thumb(decision, value);
  };
  for (int i = 0; i < 20; ++i) vote(i, 1, 1.0);
  EXPECT_EQ(versions_->registry().find(two)->status, VersionStatus::kCanary);
  int votes = 0;
  while (versions_->registry().find(two)->status == VersionStatus::kCanary && votes < 30) {
    vote(100 + votes++, 2, -1.0);
  }
  EXPECT_EQ(versions_->registry().find(two)->status, VersionStatus::kWithdrawn);
  EXPECT_LT(votes, 10);
  EXPECT_EQ(hold(user_in(two, 0.5, true)).version, 1);
  EXPECT_EQ(versions_->history(AdapterId("calm"))->front().by, "canary test");
  EXPECT_THAT(versions_->registry().find(two)->trial, testing::HasSubstr("evidence"));
}

TEST_F(ServedVersionsTest, AnAnswerGoesOnWithItsPrefix) {
  personalize::GenerationRequest request;
  request.messages = {{"user", "Once", {}}};
  request.samples = {personalize::SamplingParams{.temperature = 0.0}};
  request.max_tokens = 6;
  const std::string whole = generator_->generate(request, nullptr, {})->front().text;
  ASSERT_GE(whole.size(), 4U);
  request.answer_prefix = whole.substr(0, 2);
  request.max_tokens = 4;
  // One token a character in this tokenizer.
  EXPECT_EQ(generator_->generate(request, nullptr, {})->front().text, whole.substr(2));
}

TEST_F(ServedVersionsTest, AUserEncoderServesWithoutBeingLoadedAsAnAdapter) {
  const fs::path encoder = directory_.path() / "encoder";
  fs::create_directories(encoder);
  for (const char* name : {"config.json", "model.safetensors", "features.json"}) {
    ASSERT_TRUE(base::write_file_atomically(encoder / name, "{}"));
  }
  persona::NewVersion version;
  version.adapter = AdapterId(storage::kUserEncoder);
  version.source = encoder;
  const auto row = versions_->registry().add(version);
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(versions_->promote(row->id, {"ann", ""}).error().code, ErrorCode::kConflict);
  ASSERT_TRUE(versions_->set_gate(row->id, true, "{}", "gate"));
  const std::size_t before = generator_->adapters().list().size();
  const auto served = versions_->promote(row->id, {"ann", ""});
  ASSERT_TRUE(served) << served.error().message;
  EXPECT_EQ(served->status, VersionStatus::kServing);
  EXPECT_EQ(versions_->try_on(row->id, VersionStatus::kCanary, 0.5, {"ann", ""}).error().code,
            ErrorCode::kInvalidArgument);
  open();
  EXPECT_EQ(generator_->adapters().list().size(), before);
  ASSERT_TRUE(versions_->withdraw(row->id, {"ann", ""}));
  EXPECT_EQ(generator_->adapters().list().size(), before);
}

}  // namespace
}  // namespace kith::runtime
