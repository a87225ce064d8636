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
  const base::SystemClock clock;
  std::latch release(1);
  std::atomic<int> num_done = 0;
  {
    WorkerPool pool(1, 2, clock);
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
  const base::SystemClock clock;
  std::latch started(1);
  std::latch release(1);
  std::atomic<int> num_done = 0;
  std::stop_source left;
  const auto owned = std::make_shared<int>(1);
  {
    WorkerPool pool(1, 1, clock);
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
  const base::SystemClock clock;
  std::latch started(1);
  std::latch release(1);
  std::atomic<bool> was_done = false;
  std::stop_source left;
  {
    WorkerPool pool(1, 1, clock);
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
  const base::SystemClock clock;
  std::atomic<int> num_done = 0;
  WorkerPool pool(2, 6, clock);
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

TEST(WorkerPoolTest, OfThoseThatWaitTheUrgentOneIsNextThoughItCameLast) {
  const base::SystemClock clock;
  std::latch started(1);
  std::latch release(1);
  std::vector<int> order;
  {
    WorkerPool pool(1, 4, clock);
    EXPECT_FALSE(pool.try_run([&] {
                       started.count_down();
                       release.wait();
                     })
                     .waits);
    started.wait();
    WorkerPool::Ticket last = 0;
    for (int i = 0; i < 3; ++i) {
      const auto admission = pool.try_run([&order, i] { order.push_back(i); });
      EXPECT_TRUE(admission.waits);
      last = admission.ticket;
    }
    EXPECT_TRUE(pool.set_class(last, base::QueueClass::kUrgent));
    EXPECT_EQ(pool.num_waiting(base::QueueClass::kUrgent), 1U);
    EXPECT_EQ(pool.num_waiting(base::QueueClass::kNormal), 2U);
    release.count_down();
  }
  EXPECT_EQ(order, (std::vector{2, 0, 1}));
}

TEST(WorkerPoolTest, AJobThatRunsHasNoClassAnyMore) {
  const base::SystemClock clock;
  std::latch release(1);
  std::latch started(1);
  WorkerPool pool(1, 1, clock);
  const auto admission = pool.try_run([&] {
    started.count_down();
    release.wait();
  });
  started.wait();
  EXPECT_FALSE(pool.set_class(admission.ticket, base::QueueClass::kUrgent));
  release.count_down();
}

}  // namespace
}  // namespace kith::server
