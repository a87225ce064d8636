// SIGINT and SIGTERM as an ordinary call: no code runs in a signal handler.
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace kith::runtime {

// Blocks the two signals in the thread that makes it and in all that start later, so make it before
// any other thread. Restores the mask when it goes.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Calls `on_stop` once, on a thread of its own, when a signal comes. Call at most once.
  void watch(std::function<void()> on_stop);

 private:
  sigset_t signals_{};
  sigset_t before_{};
  std::thread thread_;
};

}  // namespace kith::runtime
