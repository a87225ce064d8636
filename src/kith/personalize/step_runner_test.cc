#include "kith/personalize/step_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace kith::personalize {
namespace {

using std::chrono::milliseconds;

TEST(StepRunnerTest, ReturnsTheResultOrTheError) {
  StepRunner runner(1);
  const auto value = runner.run<int>(milliseconds(1000), [] { return Result<int>(7); });
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 7);
  const auto error = runner.run<int>(milliseconds(1000), []() -> Result<int> {
    return Error{ErrorCode::kNotFound, "none"};
  });
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, ErrorCode::kNotFound);
}

TEST(StepRunnerTest, ALateStepIsNotWaitedForButCompleted) {
  std::atomic<bool> is_done = false;
  {
    StepRunner runner(1);
    const auto late = runner.run<int>(milliseconds(10), [&is_done]() -> Result<int> {
      std::this_thread::sleep_for(milliseconds(80));
      is_done = true;
      return 1;
    });
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
    EXPECT_FALSE(is_done);
  }
  EXPECT_TRUE(is_done);
}

TEST(StepRunnerTest, WorkThatWasStartedGoesOnBesideItsCaller) {
  std::atomic<bool> may_end = false;
  std::atomic<bool> is_done = false;
  {
    StepRunner runner(2);
    const auto pending = runner.start<int>([&may_end]() -> Result<int> {
      while (!may_end) std::this_thread::sleep_for(milliseconds(1));
      return 3;
    });
    EXPECT_TRUE(runner.run<int>(milliseconds(1000), [] { return Result<int>(2); }));
    const auto early = runner.wait<int>(milliseconds(5), pending);
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, ErrorCode::kDeadlineExceeded);
    may_end = true;
    const auto value = runner.wait<int>(milliseconds(1000), pending);
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, 3);
    // Nobody waits for it.
    static_cast<void>(runner.start<int>([&is_done]() -> Result<int> {
      is_done = true;
      return 1;
    }));
  }
  EXPECT_TRUE(is_done);
}

TEST(StepRunnerTest, AHungStepDoesNotHoldOthersUp) {
  StepRunner runner(2);
  std::atomic<bool> stop = false;
  const auto hung = runner.run<int>(milliseconds(5), [&stop]() -> Result<int> {
    while (!stop) std::this_thread::sleep_for(milliseconds(1));
    return 1;
  });
  EXPECT_FALSE(hung);
  EXPECT_TRUE(runner.run<int>(milliseconds(1000), [] { return Result<int>(2); }));
  stop = true;
}

TEST(StepRunnerTest, AThrowingStepIsAnError) {
  StepRunner runner(1);
  const auto thrown = runner.run<int>(milliseconds(1000),
                                      []() -> Result<int> { throw std::runtime_error("boom"); });
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, ErrorCode::kInternal);
  EXPECT_TRUE(runner.run<int>(milliseconds(1000), [] { return Result<int>(2); }));
}

}  // namespace
}  // namespace kith::personalize
