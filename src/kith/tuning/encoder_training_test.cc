#include "kith/tuning/encoder_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/test_model.h"
#include "kith/persona/version_registry.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/tuning/encoder_trial.h"
#include "kith/tuning/registration.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr base::UnixMicros kHour = 3'600'000'000;

// Stands for kith-train: notes that it was called, and leaves random weights as a run does. The
// real one runs in tests/e2e/test_user_embeddings_guide.py.
constexpr const char* kTrainer = R"(#!/bin/sh
here=$(dirname "$0")
run=$(sed -n "s/^output = ['\"]\(.*\)['\"]$/\1/p" "$3")
data=$(sed -n "s/^timelines = ['\"]\(.*\)['\"]$/\1/p" "$3")
echo call >> "$here/calls"
mkdir -p "$run/encoder"
cp "$here/weights/config.json" "$here/weights/model.safetensors" "$data/features.json" "$run/encoder/"
echo '{"finished":true,"steps":20,"tokens":100,"tokens_per_second":1000.0,'
echo '"ranks":{"item":{"users":9,"hr10":0.5,"ndcg10":0.25}}}'
)";

class EncoderTrainingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = storage::open_sqlite(directory_.path() / "kith.db");
    ASSERT_TRUE(opened) << opened.error().message;
    stores_ = *std::move(opened);
    knowledge_.emplace(stores_->knowledge(), clock_);
    // 97 ids, as the tiny model has.
    const auto schema = timeline::parse_schema(
        "name = \"t\"\n[[feature]]\nname = \"item\"\ntype = \"hashed\"\nbuckets = 48\npredict = 1\n"
        "[[feature]]\nname = \"gap\"\ntype = \"gap\"\n"
        "[[feature]]\nname = \"kind\"\ntype = \"hashed\"\nbuckets = 16\n",
        "t");
    ASSERT_TRUE(schema) << schema.error().message;
    model::write_tiny_model(directory_.path() / "weights", 3, model::TinyFamily::kMistral);
    request_.schema = *schema;
    request_.data_dir = directory_.path();
    request_.trainer = directory_.write("kith-train", kTrainer);
    fs::permissions(request_.trainer, fs::perms::owner_all);
    request_.is_quiet = true;
    request_.data.min_value_users = 2;
    for (int i = 0; i < 24; ++i) add_user("u" + std::to_string(100 + i), i);
    ports_.with_installation = [this](const auto& use) {
      return use({.stores = *stores_,
                  .knowledge = *knowledge_,
                  .scope = {TenantId(storage::kDefaultTenant)},
                  .clock = clock_});
    };
    ports_.register_version = [this](const FinishedTraining& finished) -> Result<std::string> {
      if (fails_) return Error{ErrorCode::kUnavailable, "the registry is away"};
      persona::VersionRegistry registry(stores_->adapter_versions(), directory_.path(), clock_);
      KITH_ASSIGN_OR_RETURN(const auto row, register_training(registry, finished));
      return to_string(row.id);
    };
  }

  static storage::Scope scope(const std::string& user) {
    return {TenantId(storage::kDefaultTenant), UserId(user)};
  }

  void add_user(const std::string& user, int number) {
    ASSERT_TRUE(stores_->users().upsert(scope(user), {}, 1));
    std::vector<storage::UserEvent> events;
    for (int i = 0; i < 6; ++i) {
      storage::TimelineEvent event;
      event.id = std::to_string(i);
      event.at = event.received_at = (i + 1) * kHour;
      event.kind = "click";
      event.item = "item " + std::to_string((number + i) % 5);
      events.push_back({UserId(user), std::move(event), true});
    }
    ASSERT_TRUE(stores_->timelines().add({TenantId(storage::kDefaultTenant)}, events));
  }

  int num_calls() const {
    const auto text = base::read_file(directory_.path() / "calls");
    return text ? static_cast<int>(std::count(text->begin(), text->end(), '\n')) : 0;
  }

  Result<std::vector<storage::AdapterVersionRow>> versions() {
    return stores_->adapter_versions().list(AdapterId(storage::kUserEncoder));
  }

  fs::path job() const { return directory_.path() / "personas" / "jobs" / storage::kUserEncoder; }

  base::TestDirectory directory_;
  base::SystemClock clock_;
  std::unique_ptr<storage::StoreSet> stores_;
  std::optional<memory::Knowledge> knowledge_;
  EncoderRequest request_;
  StagePorts ports_;
  bool fails_ = false;
};

TEST_F(EncoderTrainingTest, EndsRegisteredWithItsLineageAndKeepsNoEvents) {
  const auto done = train_encoder(request_, ports_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->version, "user_encoder@1");
  EXPECT_FALSE(fs::exists(job() / "data" / "timelines.safetensors"));
  EXPECT_FALSE(fs::exists(job() / "data" / "valid.jsonl"));
  EXPECT_TRUE(fs::exists(job() / "data" / "card.json"));
  const auto rows = versions();
  ASSERT_TRUE(rows && rows->size() == 1);
  const auto& row = rows->front();
  EXPECT_EQ(row.data_hash, done->data_hash);
  EXPECT_EQ(row.created_by, "kith train timeline");
  EXPECT_THAT(row.metrics, HasSubstr("encoder_version"));
  EXPECT_THAT(row.metrics, HasSubstr("popularity_ndcg10"));
  ASSERT_TRUE(row.gate);
  EXPECT_THAT(row.gate->document, HasSubstr("next_event:item"));
  EXPECT_TRUE(timeline::EventEncoder::load(directory_.path() / row.path));
  // Users who validate are no contributors; who is erased flags the version.
  const auto contributors = stores_->adapter_versions().contributors(row.id);
  ASSERT_TRUE(contributors && !contributors->empty() && contributors->size() < 24);
  ASSERT_TRUE(stores_->users().erase(contributors->front(), 9));
  const auto flagged = versions();
  ASSERT_TRUE(flagged);
  EXPECT_THAT(flagged->front().flags, testing::ElementsAre(storage::kFlagErasedContributor));
}

TEST_F(EncoderTrainingTest, WhatWasDoneIsNotDoneAgain) {
  fails_ = true;
  EXPECT_EQ(train_encoder(request_, ports_).error().code, ErrorCode::kUnavailable);
  fails_ = false;
  EXPECT_EQ(train_encoder(request_, ports_).error().code, ErrorCode::kConflict);
  request_.resumes = true;
  const auto done = train_encoder(request_, ports_);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(num_calls(), 1);
}

TEST_F(EncoderTrainingTest, WhoWithdrewOrWasErasedMeanwhileDoesNotTrain) {
  fails_ = true;
  EXPECT_FALSE(train_encoder(request_, ports_));
  fails_ = false;
  request_.resumes = true;
  ASSERT_TRUE(stores_->consents().set(scope("u103"), storage::kConsentLearn, false, 9));
  ASSERT_TRUE(train_encoder(request_, ports_));
  EXPECT_EQ(num_calls(), 2);
  const auto rows = versions();
  ASSERT_TRUE(rows && rows->size() == 1);
  const auto contributors = stores_->adapter_versions().contributors(rows->front().id);
  ASSERT_TRUE(contributors);
  for (const auto& user : *contributors) EXPECT_NE(user.user, UserId("u103"));
}

TEST_F(EncoderTrainingTest, AnErasedUsersRowsGoWithHim) {
  fails_ = true;
  EXPECT_FALSE(train_encoder(request_, ports_));
  ASSERT_TRUE(fs::exists(job() / "data" / "timelines.safetensors"));
  ASSERT_EQ(*forget_user(directory_.path(), scope("u104")), 1);
  EXPECT_FALSE(fs::exists(job() / "data" / "timelines.safetensors"));
  EXPECT_FALSE(fs::exists(job() / "data" / "valid.jsonl"));
  EXPECT_FALSE(fs::exists(job() / "run"));
}

TEST_F(EncoderTrainingTest, AForecastLeavesNothingBehind) {
  const auto forecast = forecast_encoder(request_, ports_);
  ASSERT_TRUE(forecast) << forecast.error().message;
  EXPECT_GT(forecast->data_events, 0);
  EXPECT_EQ(forecast->run_events, 60 * forecast->data_events);
  EXPECT_GT(forecast->seconds, 0.0);
  EXPECT_FALSE(fs::exists(job()));
  EXPECT_FALSE(fs::exists(directory_.path() / "personas" / "forecast" / storage::kUserEncoder));
}

TEST(EncoderGateTest, PassesOnlyIfNoFeatureIsWorseThanTheMostFrequentValues) {
  const auto gate = [](double own_item, double own_kind) {
    const base::Json metrics{
        {"next_event",
         {{"item", {{"events", 9}, {"ndcg10", own_item}, {"popularity_ndcg10", 0.2}}},
          {"kind", {{"events", 9}, {"ndcg10", own_kind}, {"popularity_ndcg10", 0.5}}}}}};
    return judge_encoder(base::dump_json(metrics));
  };
  EXPECT_TRUE(gate(0.3, 0.5)->passed);
  EXPECT_FALSE(gate(0.3, 0.49)->passed);
  EXPECT_FALSE(gate(0.1, 0.6)->passed);
  EXPECT_FALSE(judge_encoder("{}"));
  EXPECT_FALSE(judge_encoder(R"({"next_event":{}})")->passed);
}

TEST(EncoderRecipeTest, TakesARecipeOfTheTrainerAndPutsItsOwnPathsIn) {
  auto recipe = EncoderRecipe::parse(
      "output = \"elsewhere\"\ntimelines = \"other\"\nwindow = 50\n[run]\ntokens = 9000\n", "t");
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->events_for(100), 9000);
  const std::string text = recipe->complete("data", "run", 100);
  EXPECT_THAT(text, HasSubstr("timelines = 'data'"));
  EXPECT_THAT(text, HasSubstr("output = 'run'"));
  EXPECT_EQ(text.find("elsewhere"), std::string::npos);
  ASSERT_TRUE(recipe->set_steps(7));
  EXPECT_THAT(recipe->complete("data", "run", 100), HasSubstr("steps = 7"));
  EXPECT_EQ(recipe->complete("data", "run", 100).find("tokens = 9000"), std::string::npos);
  EXPECT_FALSE(EncoderRecipe::parse("[run]\nepochs = -1\n", "t"));
  EXPECT_FALSE(EncoderRecipe::parse("[run", "t"));
}

}  // namespace
}  // namespace kith::tuning
