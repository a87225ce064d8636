#include "kith/base/lifo_condition.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

namespace kith::base {
namespace {

// Threads that begin to wait one after the other.
class LifoConditionTest : public ::testing::Test {
 protected:
  void start_waiter(int number) {
    threads_.emplace_back([this, number] {
      std::unique_lock lock(mutex_);
      ++num_waiting_;
      turn_.wait(lock, [this] { return num_turns_ > 0; });
      --num_turns_;
      woken_.push_back(number);
    });
    wait_until([this, number] { return num_waiting_ == number; });
  }

  void give_turn() {
    const std::lock_guard lock(mutex_);
    ++num_turns_;
    turn_.notify_one();
  }

  void wait_until(const std::function<bool()>& is_true) {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (is_true()) return;
      }
      std::this_thread::yield();
    }
  }

  void join() {
    for (std::thread& thread : threads_) thread.join();
  }

  std::mutex mutex_;
  LifoCondition turn_;
  int num_waiting_ = 0;
  int num_turns_ = 0;
  std::vector<int> woken_;
  std::vector<std::thread> threads_;
};

TEST_F(LifoConditionTest, WakesTheThreadThatHasWaitedShortest) {
  for (const int number : {1, 2, 3}) start_waiter(number);
  for (const std::size_t turn : {1U, 2U, 3U}) {
    give_turn();
    wait_until([&] { return woken_.size() == turn; });
  }
  join();
  EXPECT_EQ(woken_, (std::vector<int>{3, 2, 1}));
}

TEST_F(LifoConditionTest, WakesAllWhenAsked) {
  for (const int number : {1, 2, 3}) start_waiter(number);
  {
    const std::lock_guard lock(mutex_);
    num_turns_ = 3;
    turn_.notify_all();
  }
  join();
  EXPECT_EQ(woken_.size(), 3U);
}

TEST_F(LifoConditionTest, AWakeIsNotLostOnAThreadThatFindsNothingToDo) {
  start_waiter(1);
  {
    const std::lock_guard lock(mutex_);
    turn_.notify_one();
  }
  give_turn();
  join();
  EXPECT_EQ(woken_, std::vector<int>{1});
}

TEST(LifoConditionWaitTest, DoesNotWaitForWhatHoldsAlready) {
  std::mutex mutex;
  LifoCondition condition;
  std::unique_lock lock(mutex);
  condition.wait(lock, [] { return true; });
  EXPECT_TRUE(lock.owns_lock());
}

}  // namespace
}  // namespace kith::base
