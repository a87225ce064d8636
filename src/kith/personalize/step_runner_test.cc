#include "kith/personalize/step_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

TEST(StepRunnerTest, AChainIsDoneInOrderByOneThread) {
  StepRunner runner(3);
  const auto seen = std::make_shared<std::vector<std::thread::id>>();
  StepRunner::Chain chain;
  const auto first = chain.add<int>([seen] {
    seen->push_back(std::this_thread::get_id());
    return Result<int>(1);
  });
  // A step that fails is no reason to leave out the others.
  const auto second = chain.add<int>([seen]() -> Result<int> {
    seen->push_back(std::this_thread::get_id());
    throw std::runtime_error("broken");
  });
  const auto third = chain.add<std::string>([seen] {
    seen->push_back(std::this_thread::get_id());
    return Result<std::string>(std::to_string(seen->size()));
  });
  runner.start(std::move(chain));
  EXPECT_EQ(*runner.wait<std::string>(milliseconds(1000), third), "3");
  EXPECT_EQ(*runner.wait<int>(milliseconds(1000), first), 1);
  const auto failed = runner.wait<int>(milliseconds(1000), second);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kInternal);
  EXPECT_EQ(std::set(seen->begin(), seen->end()).size(), 1U);
}

TEST(StepRunnerTest, AStepAfterALateOneCanBeWaitedForAlone) {
  StepRunner runner(1);
  StepRunner::Chain chain;
  const auto late = chain.add<int>([] {
    std::this_thread::sleep_for(milliseconds(60));
    return Result<int>(1);
  });
  const auto next = chain.add<int>([] { return Result<int>(2); });
  runner.start(std::move(chain));
  EXPECT_EQ(runner.wait<int>(milliseconds(5), late).error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(*runner.wait<int>(milliseconds(1000), next), 2);
}

TEST(StepRunnerTest, AChainThatIsNotTakenSaysSoForEveryStep) {
  StepRunner runner(1);
  std::atomic<bool> may_end = false;
  std::vector<StepRunner::Pending<int>> held;
  const auto waits = [&may_end]() -> Result<int> {
    while (!may_end) std::this_thread::sleep_for(milliseconds(1));
    return 0;
  };
  for (int i = 0; i < 300; ++i) held.push_back(runner.start<int>(waits));
  StepRunner::Chain chain;
  const auto first = chain.add<int>([] { return Result<int>(1); });
  const auto second = chain.add<int>([] { return Result<int>(2); });
  runner.start(std::move(chain));
  for (const auto& step : {first, second}) {
    EXPECT_EQ(runner.wait<int>(milliseconds(1000), step).error().code, ErrorCode::kOverloaded);
  }
  may_end = true;
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
