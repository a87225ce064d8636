// Threads for calls that block (database, generation), so that the network thread never does.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "kith/base/lifo_condition.h"

namespace kith::server {

// Thread-safe. A job must not throw.
class WorkerPool {
 public:
  // Takes at most num_threads + num_waiting jobs at a time.
  // REQUIRES: num_threads > 0, num_waiting > 0.
  WorkerPool(std::size_t num_threads, std::size_t num_waiting);
  // As close().
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if all threads and places are taken, or the pool is closing. A job that still waits when
  // `cancel` is stopped is dropped there and then, and its place is free for others.
  bool try_run(std::function<void()> job, const std::stop_token& cancel = {});
  // Takes no more jobs and waits for those that were taken on. Idempotent; for one thread.
  void close();
  // Jobs running or waiting.
  std::size_t num_jobs() const;

 private:
  struct Job {
    std::function<void()> run;
    // Set by try_run() alone.
    std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  };

  void work();
  void drop(const Job* job);

  const std::size_t max_jobs_;
  mutable std::mutex mutex_;
  base::LifoCondition ready_;
  std::deque<std::shared_ptr<Job>> waiting_;  // guarded by mutex_
  std::size_t num_running_ = 0;               // guarded by mutex_
  bool is_closed_ = false;                    // guarded by mutex_
  // Last, so that they end before what they use.
  std::vector<std::jthread> threads_;
};

}  // namespace kith::server
