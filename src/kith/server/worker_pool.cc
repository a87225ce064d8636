#include "kith/server/worker_pool.h"

#include <algorithm>
#include <utility>

namespace kith::server {

WorkerPool::WorkerPool(std::size_t num_threads, std::size_t num_waiting)
    : max_jobs_(num_threads + num_waiting) {
  threads_.reserve(num_threads);
  for (std::size_t i = 0; i < num_threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() { close(); }

void WorkerPool::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    ready_.notify_all();
  }
  threads_.clear();
}

bool WorkerPool::try_run(std::function<void()> run, const std::stop_token& cancel) {
  const auto job = std::make_shared<Job>();
  job->run = std::move(run);
  {
    const std::lock_guard lock(mutex_);
    // A waiting place is only one while the threads are busy: the sum decides.
    if (is_closed_ || num_running_ + waiting_.size() >= max_jobs_) return false;
    waiting_.push_back(job);
    ready_.notify_one();
  }
  // A job that has been started meanwhile is none of drop()'s: what it does ends it.
  job->on_cancel.emplace(cancel, [this, which = job.get()] { drop(which); });
  return true;
}

void WorkerPool::drop(const Job* job) {
  // Outlives the lock: the job may own things whose end takes locks of their own.
  std::shared_ptr<Job> dropped;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [job](const auto& waiting) { return waiting.get() == job; });
  if (found == waiting_.end()) return;
  dropped = std::move(*found);
  waiting_.erase(found);
}

std::size_t WorkerPool::num_jobs() const {
  const std::lock_guard lock(mutex_);
  return num_running_ + waiting_.size();
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [this] { return is_closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::shared_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    ++num_running_;
    lock.unlock();
    job->run();
    // The job may own things that are large or whose end somebody waits for.
    job = nullptr;
    lock.lock();
    --num_running_;
  }
}

}  // namespace kith::server
