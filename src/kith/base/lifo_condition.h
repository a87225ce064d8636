// A condition variable that wakes the thread that has waited shortest.
//
// std::condition_variable wakes the longest waiter, so the threads of a pool take turns and each
// one begins with a stack and a heap that no cache holds any more. Woken last in, first out, a pool
// that has little to do works on few threads, and the others stay asleep (folly's LifoSem is the
// same idea).
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace kith::base {

// Belongs to one mutex, that of the locks passed to wait(). Thread-safe as its calls say.
class LifoCondition {
 public:
  // Waits until `is_met` holds. REQUIRES: `lock` is locked; so it is again afterwards.
  template <typename Predicate>
  void wait(std::unique_lock<std::mutex>& lock, Predicate is_met) {
    while (!is_met()) {
      Waiter self;
      waiters_.push_back(&self);
      self.wake.wait(lock, [&self] { return self.is_called; });
    }
  }

  // REQUIRES: the caller holds the mutex, as the waiter's end must not overtake its wake.
  void notify_one() {
    if (!waiters_.empty()) call_last();
  }
  // REQUIRES: as notify_one().
  void notify_all() {
    while (!waiters_.empty()) call_last();
  }

 private:
  struct Waiter {
    std::condition_variable wake;
    bool is_called = false;
  };

  void call_last() {
    Waiter* const waiter = waiters_.back();
    waiters_.pop_back();
    waiter->is_called = true;
    waiter->wake.notify_one();
  }

  std::vector<Waiter*> waiters_;  // guarded by the mutex
};

}  // namespace kith::base
