#include "kith/engine/compute_thread.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace kith::engine {
namespace {

class OwnThread final : public ComputeThread {
 public:
  OwnThread() : thread_([this] { run(); }) {}

  ~OwnThread() override {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  bool post(std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      if (is_ending_) return false;
      posted_.push_back(std::move(work));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void run() {
    while (true) {
      std::function<void()> work;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return is_ending_ || !posted_.empty(); });
        if (posted_.empty()) return;
        work = std::move(posted_.front());
        posted_.pop_front();
      }
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;  // guarded by mutex_
  bool is_ending_ = false;                    // guarded by mutex_
  // Last, so that it begins when all else is there.
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ComputeThread> make_compute_thread() { return std::make_unique<OwnThread>(); }

}  // namespace kith::engine
