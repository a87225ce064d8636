#include "kith/tuning/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Stands for kith-train: notes that it was called, and writes what a run writes. The real one runs
// in tests/e2e/test_persona_training.py.
constexpr const char* kTrainer = R"(#!/bin/sh
recipe=$3
run=$(sed -n "s/^output = ['\"]\(.*\)['\"]$/\1/p" "$recipe")
echo call >> "$(dirname "$0")/calls"
mkdir -p "$run/adapter"
echo '{"step":0,"validation":{"valid_users":20.0}}' > "$run/log.jsonl"
echo '{"lora_alpha":32}' > "$run/adapter/adapter_config.json"
echo weights > "$run/adapter/adapter_model.safetensors"
echo '{"finished":true,"steps":20,"tokens":100,"tokens_per_second":1000.0,'
echo '"validation":{"valid_users":{"loss":2.0,"perplexity":7.4,"tokens":50}}}'
)";

class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* source = std::getenv("KITH_SOURCE_DIR");
    if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
    auto opened = storage::open_sqlite(directory_.path() / "kith.db");
    ASSERT_TRUE(opened) << opened.error().message;
    stores_ = *std::move(opened);
    knowledge_.emplace(stores_->knowledge(), clock_);
    request_.data_dir = directory_.path();
    request_.base_model = fs::path(source) / "models" / "builtin";
    request_.trainer = directory_.write("kith-train", kTrainer);
    fs::permissions(request_.trainer, fs::perms::owner_all);
    request_.adapter = AdapterId("boss");
    request_.data.personas = {PersonaId("boss")};
    request_.is_quiet = true;
    request_.members = directory_.path() / "members.jsonl";
    add_users();
    ports_.with_installation = [this](const auto& use) {
      return use({.stores = *stores_,
                  .knowledge = *knowledge_,
                  .scope = {TenantId(storage::kDefaultTenant)},
                  .clock = clock_});
    };
    ports_.register_version = [this](const FinishedTraining& finished) -> Result<std::string> {
      if (fails_) return Error{ErrorCode::kUnavailable, "the registry is away"};
      registered_ = finished.contributors;
      return std::string("boss@1");
    };
  }

  static storage::Scope scope(const std::string& user) {
    return {TenantId(storage::kDefaultTenant), UserId(user)};
  }

  void add_users() {
    std::ofstream members(request_.members);
    for (int i = 0; i < 16; ++i) {
      const std::string user = "u" + std::to_string(100 + i);
      ASSERT_TRUE(stores_->users().upsert(scope(user), {}, 1));
      members << R"({"id":")" << user << R"(","persona":"boss"})"
              << "\n";
      for (int c = 0; c < 4; ++c) {
        std::string words;
        for (int w = 0; w < 12; ++w) words += " w" + std::to_string(i * 1000 + c * 100 + w);
        std::vector<storage::NewTurn> turns{{"user", "question" + words},
                                            {"assistant", "answer" + words}};
        for (auto& turn : turns) turn.at = c + 1;
        ASSERT_TRUE(stores_->conversations().append(
            scope(user), ConversationId(user + "c" + std::to_string(c)), 0, turns));
      }
    }
  }

  int num_calls() const {
    const auto text = base::read_file(directory_.path() / "calls");
    return text ? static_cast<int>(std::count(text->begin(), text->end(), '\n')) : 0;
  }

  fs::path job() const { return directory_.path() / "personas" / "jobs" / "boss"; }

  base::TestDirectory directory_;
  base::SystemClock clock_;
  std::unique_ptr<storage::StoreSet> stores_;
  std::optional<memory::Knowledge> knowledge_;
  TrainingRequest request_;
  TrainingPorts ports_;
  bool fails_ = false;
  std::vector<storage::Scope> registered_;
};

TEST_F(PipelineTest, EndsRegisteredAndKeepsNoUsersWords) {
  const auto done = train_adapter(request_, ports_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->stage, JobStage::kRegistered);
  EXPECT_EQ(done->version, "boss@1");
  EXPECT_GE(registered_.size(), 10U);
  EXPECT_THAT(done->metrics, HasSubstr("perplexity_before"));
  EXPECT_FALSE(fs::exists(job() / "data" / "train.jsonl"));
  EXPECT_TRUE(fs::exists(job() / "recipe.toml"));
  // A second training of the same data is the same training.
  const auto again = train_adapter(request_, ports_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->id, done->id);
}

TEST_F(PipelineTest, WhatWasDoneIsNotDoneAgain) {
  fails_ = true;
  EXPECT_EQ(train_adapter(request_, ports_).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(num_calls(), 1);
  fails_ = false;
  const auto refused = train_adapter(request_, ports_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("--resume"));
  request_.resumes = true;
  const auto done = train_adapter(request_, ports_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(num_calls(), 1);
}

TEST_F(PipelineTest, WhoWithdrewMeanwhileDoesNotTrain) {
  fails_ = true;
  EXPECT_FALSE(train_adapter(request_, ports_));
  fails_ = false;
  request_.resumes = true;
  ASSERT_TRUE(stores_->consents().set(scope("u103"), storage::kConsentLearn, false, 9));
  const auto done = train_adapter(request_, ports_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(num_calls(), 2);
  for (const auto& user : registered_) EXPECT_NE(user.user, UserId("u103"));
}

TEST_F(PipelineTest, TooFewUsersAreRefused) {
  request_.data.min_users = 17;
  const auto refused = train_adapter(request_, ports_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(num_calls(), 0);
}

TEST_F(PipelineTest, AForecastLeavesNothingBehind) {
  const auto forecast = forecast_training(request_, ports_);
  ASSERT_TRUE(forecast) << forecast.error().message;
  EXPECT_GT(forecast->data_tokens, 0);
  EXPECT_EQ(forecast->steps, 20);
  EXPECT_GT(forecast->seconds, 0.0);
  EXPECT_TRUE(directory_.files_holding("question w").size() <= 2) << "only the database";
  EXPECT_FALSE(fs::exists(job()));
}

TEST_F(PipelineTest, ATrainerThatFailsSaysWhy) {
  request_.trainer = directory_.write("kith-train", "#!/bin/sh\necho no memory >&2\nexit 1\n");
  const auto failed = train_adapter(request_, ports_);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("no memory"));
}

}  // namespace
}  // namespace kith::tuning
