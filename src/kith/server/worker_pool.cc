#include "kith/server/worker_pool.h"

#include <utility>

namespace kith::server {

WorkerPool::WorkerPool(std::size_t num_threads, std::size_t num_waiting)
    : max_jobs_(num_threads + num_waiting), queue_(num_threads + num_waiting) {
  threads_.reserve(num_threads);
  for (std::size_t i = 0; i < num_threads; ++i) {
    threads_.emplace_back([this] {
      while (auto job = queue_.pop()) {
        (*job)();
        // The job may own things that are large or whose end somebody waits for.
        *job = nullptr;
        --num_jobs_;
      }
    });
  }
}

WorkerPool::~WorkerPool() { queue_.close(); }

bool WorkerPool::try_run(std::function<void()> job) {
  // A waiting place is only one while the threads are busy: the count, not the queue, decides.
  if (num_jobs_.fetch_add(1) >= max_jobs_ || !queue_.try_push(std::move(job))) {
    --num_jobs_;
    return false;
  }
  return true;
}

}  // namespace kith::server
