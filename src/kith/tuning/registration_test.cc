#include "kith/tuning/registration.h"

#include <gtest/gtest.h>

#include "kith/base/test_directory.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/tuning/job.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;

class RegistrationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = storage::open_sqlite(directory_.path() / "kith.db");
    ASSERT_TRUE(opened) << opened.error().message;
    stores_ = *std::move(opened);
    registry_.emplace(stores_->adapter_versions(), directory_.path(), clock_);
    const storage::Scope ada{TenantId(storage::kDefaultTenant), UserId("ada")};
    const storage::Scope bob{TenantId(storage::kDefaultTenant), UserId("bob")};
    ASSERT_TRUE(stores_->users().upsert(ada, {}, 1));
    ASSERT_TRUE(stores_->users().upsert(bob, {}, 1));
    auto job = Job::open(directory_.path(), adapter_);
    ASSERT_TRUE(job) << job.error().message;
    job_.emplace(*std::move(job));
    fs::create_directories(job_->kept());
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
      directory_.write(fs::relative(job_->kept() / name, directory_.path()).string(), "{}");
    }
    ASSERT_TRUE(job_->save_contributors({{ada, true}, {bob, false}}));
  }

  void reach(JobStage stage) {
    JobState state = job_->state();
    state.stage = stage;
    state.data_hash = "d1";
    ASSERT_TRUE(job_->save(state));
  }

  Result<storage::AdapterVersionRow> register_it() {
    return register_training_of(*registry_, directory_.path(), adapter_);
  }

  const AdapterId adapter_{"boss"};
  base::TestDirectory directory_;
  base::SystemClock clock_;
  std::unique_ptr<storage::StoreSet> stores_;
  std::optional<persona::VersionRegistry> registry_;
  std::optional<Job> job_;
};

TEST_F(RegistrationTest, AnotherProcesssTrainingIsRegisteredOnce) {
  reach(JobStage::kEvaluated);
  const auto first = register_it();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->data_hash, "d1");
  EXPECT_EQ(register_it()->id, first->id);
  // Who only validates has contributed nothing.
  const auto contributors = stores_->adapter_versions().contributors(first->id);
  ASSERT_EQ(contributors->size(), 1U);
  EXPECT_EQ(contributors->front().user, UserId("ada"));
}

TEST_F(RegistrationTest, WhatIsNotFinishedIsRefused) {
  EXPECT_EQ(register_it().error().code, ErrorCode::kNotFound);
  reach(JobStage::kTrained);
  EXPECT_EQ(register_it().error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace kith::tuning
