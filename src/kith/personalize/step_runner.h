// Runs steps that may hang (a store behind a lock, say) on threads of its own, so that the answer
// can go on without them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "kith/base/bounded_queue.h"
#include "kith/base/result.h"

namespace kith::personalize {

// Thread-safe. Destruction waits for the steps that still run.
class StepRunner {
 public:
  // REQUIRES: num_threads >= 1.
  explicit StepRunner(int num_threads);
  ~StepRunner();
  StepRunner(const StepRunner&) = delete;
  StepRunner& operator=(const StepRunner&) = delete;

  // Runs `work` and returns its result. `work` may outlive the call, so it must own what it uses or
  // borrow only what outlives the runner. What it throws becomes kInternal.
  // Errors: those of `work`; kDeadlineExceeded after `budget` of real time, in which case the
  // result
  //   is dropped but the work is completed; kOverloaded if too many steps wait for a thread.
  template <typename T>
  Result<T> run(std::chrono::milliseconds budget, std::function<Result<T>()> work);

  // Of one piece of work. Internal.
  template <typename T>
  struct Slot {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Result<T>> result;
  };
  // Work under way; null where nothing was started.
  template <typename T>
  using Pending = std::shared_ptr<Slot<T>>;

  // run() in two halves, for work that goes on beside its caller. What nobody waits for is
  // completed all the same.
  template <typename T>
  Pending<T> start(std::function<Result<T>()> work);
  // As run(); `budget` counts from now. REQUIRES: `pending` is from start() or of a chain.
  template <typename T>
  Result<T> wait(std::chrono::milliseconds budget, Pending<T> pending);

  // Steps that one thread does one after the other while its caller waits for them in that order:
  // waking a thread costs as much as a short step. What one step finds out another may use, by way
  // of state that both own. Used by one thread.
  class Chain {
   public:
    template <typename T>
    Pending<T> add(std::function<Result<T>()> work);

   private:
    friend class StepRunner;
    // Each does its work and fills its slot, with the error instead if there is one.
    std::vector<std::function<void(const Error* refusal)>> steps_;
  };
  // `work` of the chain's steps as that of start().
  void start(Chain chain);

 private:
  void loop();
  // Runs `task`; returns the message of what it threw, or nothing.
  static std::optional<Error> fence(const std::function<void()>& task);

  base::BoundedQueue<std::function<void()>> queue_;
  std::vector<std::jthread> threads_;
};

template <typename T>
StepRunner::Pending<T> StepRunner::Chain::add(std::function<Result<T>()> work) {
  auto slot = std::make_shared<Slot<T>>();
  steps_.push_back([slot, work = std::move(work)](const Error* refusal) {
    std::optional<Result<T>> result;
    const auto failure = refusal != nullptr ? std::optional<Error>(*refusal)
                                            : fence([&] { result.emplace(work()); });
    if (failure) result.emplace(*failure);
    {
      const std::lock_guard lock(slot->mutex);
      slot->result = std::move(result);
    }
    // Unlocked, so that who wakes need not wait again.
    slot->done.notify_all();
  });
  return slot;
}

template <typename T>
StepRunner::Pending<T> StepRunner::start(std::function<Result<T>()> work) {
  Chain chain;
  auto slot = chain.add<T>(std::move(work));
  start(std::move(chain));
  return slot;
}

template <typename T>
Result<T> StepRunner::wait(std::chrono::milliseconds budget, Pending<T> pending) {
  std::unique_lock lock(pending->mutex);
  if (!pending->done.wait_for(lock, budget, [&] { return pending->result.has_value(); })) {
    return Error{ErrorCode::kDeadlineExceeded,
                 "not done within " + std::to_string(budget.count()) + " ms"};
  }
  return *std::move(pending->result);
}

template <typename T>
Result<T> StepRunner::run(std::chrono::milliseconds budget, std::function<Result<T>()> work) {
  return wait<T>(budget, start<T>(std::move(work)));
}

}  // namespace kith::personalize
