#include "kith/server/worker_pool.h"

#include <utility>

namespace kith::server {

WorkerPool::WorkerPool(std::size_t num_threads, std::size_t num_waiting, const base::Clock& clock,
                       const base::HeadStarts& head_starts)
    : num_threads_(num_threads),
      max_jobs_(num_threads + num_waiting),
      clock_(clock),
      waiting_(head_starts) {
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

WorkerPool::Admission WorkerPool::try_run(std::function<void()> run,
                                          const std::stop_token& cancel) {
  const auto job = std::make_shared<Job>();
  job->run = std::move(run);
  Admission admission;
  {
    const std::lock_guard lock(mutex_);
    // A waiting place is only one while the threads are busy: the sum decides.
    const std::size_t num_jobs = num_running_ + waiting_.size();
    if (is_closed_ || num_jobs >= max_jobs_) return {};
    job->ticket = ++last_ticket_;
    admission = {job->ticket, num_jobs >= num_threads_};
    waiting_.push(job, base::QueueClass::kNormal, clock_.monotonic());
    ready_.notify_one();
  }
  // A job that has been started meanwhile is none of drop()'s: what it does ends it.
  job->on_cancel.emplace(cancel, [this, ticket = admission.ticket] { drop(ticket); });
  return admission;
}

bool WorkerPool::set_class(Ticket ticket, base::QueueClass queue_class) {
  const std::lock_guard lock(mutex_);
  return waiting_.set_class([ticket](const auto& job) { return job->ticket == ticket; },
                            queue_class);
}

void WorkerPool::drop(Ticket ticket) {
  // Outlives the lock: the job may own things whose end takes locks of their own.
  std::shared_ptr<Job> dropped;
  const std::lock_guard lock(mutex_);
  waiting_.remove_first([ticket](const auto& job) { return job->ticket == ticket; },
                        [&dropped](std::shared_ptr<Job> job) { dropped = std::move(job); });
}

std::size_t WorkerPool::num_jobs() const {
  const std::lock_guard lock(mutex_);
  return num_running_ + waiting_.size();
}

std::size_t WorkerPool::num_waiting(base::QueueClass queue_class) const {
  const std::lock_guard lock(mutex_);
  return waiting_.size_of(queue_class);
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [this] { return is_closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::shared_ptr<Job> job = waiting_.pop();
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
