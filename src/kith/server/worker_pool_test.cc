#include "kith/server/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

namespace kith::server {
namespace {

TEST(WorkerPoolTest, RefusesWhatItHasNoPlaceFor) {
  std::latch release(1);
  std::atomic<int> num_done = 0;
  {
    WorkerPool pool(1, 2);
    const auto job = [&] {
      release.wait();
      ++num_done;
    };
    EXPECT_TRUE(pool.try_run(job));
    EXPECT_TRUE(pool.try_run(job));
    EXPECT_TRUE(pool.try_run(job));
    EXPECT_FALSE(pool.try_run(job));
    EXPECT_EQ(pool.num_jobs(), 3U);
    release.count_down();
  }
  EXPECT_EQ(num_done, 3);
}

TEST(WorkerPoolTest, AJobThatNobodyWaitsForGivesUpItsPlaceAtOnce) {
  std::latch started(1);
  std::latch release(1);
  std::atomic<int> num_done = 0;
  std::stop_source left;
  const auto owned = std::make_shared<int>(1);
  {
    WorkerPool pool(1, 1);
    EXPECT_TRUE(pool.try_run([&] {
      started.count_down();
      release.wait();
      ++num_done;
    }));
    started.wait();
    EXPECT_TRUE(pool.try_run([&num_done, owned] { num_done += 100; }, left.get_token()));
    EXPECT_FALSE(pool.try_run([] {}));
    left.request_stop();
    EXPECT_EQ(pool.num_jobs(), 1U);
    EXPECT_EQ(owned.use_count(), 1);
    EXPECT_TRUE(pool.try_run([&num_done] { num_done += 10; }));
    release.count_down();
  }
  EXPECT_EQ(num_done, 11);
}

TEST(WorkerPoolTest, AJobThatRunsIsNotDropped) {
  std::latch started(1);
  std::latch release(1);
  std::atomic<bool> was_done = false;
  std::stop_source left;
  {
    WorkerPool pool(1, 1);
    EXPECT_TRUE(pool.try_run(
        [&] {
          started.count_down();
          release.wait();
          was_done = true;
        },
        left.get_token()));
    started.wait();
    left.request_stop();
    EXPECT_EQ(pool.num_jobs(), 1U);
    release.count_down();
  }
  EXPECT_TRUE(was_done);
}

TEST(WorkerPoolTest, JobsThatComeAndGoLeaveNothingBehind) {
  std::atomic<int> num_done = 0;
  WorkerPool pool(2, 6);
  std::vector<std::jthread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&pool, &num_done] {
      for (int i = 0; i < 500; ++i) {
        std::stop_source source;
        pool.try_run([&num_done] { ++num_done; }, source.get_token());
        source.request_stop();
      }
    });
  }
  clients.clear();
  while (pool.num_jobs() > 0) std::this_thread::yield();
  EXPECT_LE(num_done, 2000);
  EXPECT_TRUE(pool.try_run([] {}));
}

}  // namespace
}  // namespace kith::server
