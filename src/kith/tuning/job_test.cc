#include "kith/tuning/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"

namespace kith::tuning {
namespace {

using ::testing::HasSubstr;

const AdapterId kBoss("boss");

storage::Scope scope(const std::string& user) {
  return {TenantId(storage::kDefaultTenant), UserId(user)};
}

TEST(JobTest, ItsStateOutlivesTheProcess) {
  const base::TestDirectory directory;
  JobState state;
  {
    auto job = Job::open(directory.path(), kBoss);
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->state().stage, JobStage::kNew);
    state = job->state();
    state.stage = JobStage::kTrained;
    state.id = "id";
    state.data_hash = "data";
    state.metrics = R"({"steps":3})";
    ASSERT_TRUE(job->save(state));
    ASSERT_TRUE(job->save_contributors({{scope("u1"), true}, {scope("u2"), false}}));
  }
  const auto again = Job::open(directory.path(), kBoss);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->state(), state);
  EXPECT_EQ(*again->contributors(),
            (std::vector<Participant>{{scope("u1"), true}, {scope("u2"), false}}));
}

TEST(JobTest, TwoProcessesDoNotWorkOnOne) {
  const base::TestDirectory directory;
  const auto first = Job::open(directory.path(), kBoss);
  ASSERT_TRUE(first);
  const auto second = Job::open(directory.path(), kBoss);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST(JobTest, ADamagedJobFileIsRefusedByName) {
  const base::TestDirectory directory;
  std::filesystem::path file;
  {
    const auto job = Job::open(directory.path(), kBoss);
    ASSERT_TRUE(job);
    file = job->path() / "job.json";
  }
  for (const char* text : {"", "{", "[]", R"({"stage":"nonsense"})"}) {
    ASSERT_TRUE(base::write_file_atomically(file, text, 0600));
    const auto job = Job::open(directory.path(), kBoss);
    ASSERT_FALSE(job) << text;
    EXPECT_EQ(job.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(job.error().message, HasSubstr("job.json"));
  }
}

TEST(JobTest, AnErasedUserLeavesNoRowsInAnUnfinishedTraining) {
  const base::TestDirectory directory;
  {
    auto job = Job::open(directory.path(), kBoss);
    ASSERT_TRUE(job);
    std::filesystem::create_directories(job->data());
    ASSERT_TRUE(base::write_file_atomically(job->data() / "train.jsonl", "secret words", 0600));
    ASSERT_TRUE(job->save_contributors({{scope("u1")}}));
    JobState state = job->state();
    state.stage = JobStage::kSelected;
    ASSERT_TRUE(job->save(state));
  }
  EXPECT_EQ(*forget_user(directory.path(), scope("stranger")), 0);
  EXPECT_FALSE(directory.files_holding("secret words").empty());
  EXPECT_EQ(*forget_user(directory.path(), scope("u1")), 1);
  EXPECT_TRUE(directory.files_holding("secret words").empty());
}

}  // namespace
}  // namespace kith::tuning
