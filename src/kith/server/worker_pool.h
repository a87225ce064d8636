// Threads for calls that block (database, generation), so that the network thread never does.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "kith/base/bounded_queue.h"

namespace kith::server {

// Thread-safe. A job must not throw.
class WorkerPool {
 public:
  // Takes at most num_threads + num_waiting jobs at a time.
  // REQUIRES: num_threads > 0, num_waiting > 0.
  WorkerPool(std::size_t num_threads, std::size_t num_waiting);
  // Finishes the jobs that were taken on.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if all threads and places are taken, or the pool is closing.
  bool try_run(std::function<void()> job);
  // Jobs running or waiting.
  std::size_t num_jobs() const { return num_jobs_.load(); }

 private:
  const std::size_t max_jobs_;
  std::atomic<std::size_t> num_jobs_{0};
  base::BoundedQueue<std::function<void()>> queue_;
  std::vector<std::jthread> threads_;
};

}  // namespace kith::server
