// Threads for calls that block (database, generation), so that the network thread never does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "kith/base/class_queue.h"
#include "kith/base/clock.h"
#include "kith/base/lifo_condition.h"

namespace kith::server {

// Which of several waiting jobs is run next says base::ClassQueue.
// Thread-safe. A job must not throw.
class WorkerPool {
 public:
  // A job that was taken on; 0 for none.
  using Ticket = std::uint64_t;

  struct Admission {
    Ticket ticket = 0;
    // Whether all threads were busy.
    bool waits = false;

    explicit operator bool() const { return ticket != 0; }
  };

  // Takes at most num_threads + num_waiting jobs at a time. `clock` must outlive the pool.
  // REQUIRES: num_threads > 0, num_waiting > 0.
  WorkerPool(std::size_t num_threads, std::size_t num_waiting, const base::Clock& clock,
             const base::HeadStarts& head_starts = {});
  // As close().
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Nothing if all threads and places are taken, or the pool is closing. A job that still waits
  // when `cancel` is stopped is dropped there and then, and its place is free for others. It waits
  // as a normal one until set_class() says otherwise.
  Admission try_run(std::function<void()> job, const std::stop_token& cancel = {});
  // Counts from the job's arrival. False if it waits no more.
  bool set_class(Ticket ticket, base::QueueClass queue_class);
  // Takes no more jobs and waits for those that were taken on. Idempotent; for one thread.
  void close();
  // Jobs running or waiting.
  std::size_t num_jobs() const;
  // Jobs of the class that wait.
  std::size_t num_waiting(base::QueueClass queue_class) const;

 private:
  struct Job {
    Ticket ticket = 0;
    std::function<void()> run;
    // Set by try_run() alone.
    std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  };

  void work();
  void drop(Ticket ticket);

  const std::size_t num_threads_;
  const std::size_t max_jobs_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  base::LifoCondition ready_;
  base::ClassQueue<std::shared_ptr<Job>> waiting_;  // guarded by mutex_
  Ticket last_ticket_ = 0;                          // guarded by mutex_
  std::size_t num_running_ = 0;                     // guarded by mutex_
  bool is_closed_ = false;                          // guarded by mutex_
  // Last, so that they end before what they use.
  std::vector<std::jthread> threads_;
};

}  // namespace kith::server
