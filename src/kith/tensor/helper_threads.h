// Threads that compute beside a calling thread, for builds without OpenMP: there run_team()
// (team.h) has its members from here, so that ThreadSanitizer, which sees nothing of OpenMP's
// barriers, watches the same team code with as many members.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace kith::tensor {

// Belongs to one thread. Its threads start with the first run() that needs them, sleep between
// runs, and end with it.
class HelperThreads {
 public:
  HelperThreads() = default;
  ~HelperThreads();
  HelperThreads(const HelperThreads&) = delete;
  HelperThreads& operator=(const HelperThreads&) = delete;

  // Calls body(0) on the calling thread and body(1) to body(members - 1) on helpers, and returns
  // when all have returned. What they wrote is visible to the caller then.
  // REQUIRES: members >= 1; `body` does not throw.
  void run(int members, const std::function<void(int member)>& body);

 private:
  void work(int member, std::uint64_t seen);

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(int)>* body_ = nullptr;  // guarded by mutex_
  int members_ = 0;                                 // of the current run; guarded by mutex_
  int unfinished_ = 0;                              // guarded by mutex_
  std::uint64_t round_ = 0;                         // guarded by mutex_
  bool is_ending_ = false;                          // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace kith::tensor
