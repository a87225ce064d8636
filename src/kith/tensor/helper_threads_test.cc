#include "kith/tensor/helper_threads.h"

#include <gtest/gtest.h>

#include <set>

namespace kith::tensor {
namespace {

TEST(HelperThreadsTest, EveryMemberIsCalledOnce) {
  HelperThreads helpers;
  for (const int members : {1, 3, 2, 4, 1}) {
    std::vector<int> calls(static_cast<std::size_t>(members));
    helpers.run(members, [&](int member) { ++calls[static_cast<std::size_t>(member)]; });
    EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(members), 1));
  }
}

TEST(HelperThreadsTest, TheCallerIsTheFirstMemberAndTheOthersAreThreadsOfTheirOwn) {
  HelperThreads helpers;
  const auto caller = std::this_thread::get_id();
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int run = 0; run < 100; ++run) {
    helpers.run(3, [&](int member) {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(member == 0, std::this_thread::get_id() == caller);
      threads.insert(std::this_thread::get_id());
    });
  }
  EXPECT_EQ(threads.size(), 3U);
  EXPECT_TRUE(threads.contains(caller));
}

TEST(HelperThreadsTest, WhatTheMembersWroteIsThereAfterwards) {
  HelperThreads helpers;
  std::vector<int> values(4);
  for (int run = 1; run <= 200; ++run) {
    helpers.run(4, [&](int member) { values[static_cast<std::size_t>(member)] = run; });
    EXPECT_EQ(values, std::vector<int>(4, run));
  }
}

}  // namespace
}  // namespace kith::tensor
