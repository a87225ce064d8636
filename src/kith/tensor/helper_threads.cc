#include "kith/tensor/helper_threads.h"

#include "kith/base/check.h"

namespace kith::tensor {

HelperThreads::~HelperThreads() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HelperThreads::run(int members, const std::function<void(int)>& body) {
  KITH_CHECK(members >= 1, "a team needs a member");
  // They take part from the next round on, so none of them may miss it by starting late.
  while (static_cast<int>(threads_.size()) < members - 1) {
    const int member = static_cast<int>(threads_.size()) + 1;
    threads_.emplace_back([this, member, seen = round_] { work(member, seen); });
  }
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    members_ = members;
    unfinished_ = members - 1;
    ++round_;
  }
  changed_.notify_all();
  body(0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unfinished_ == 0; });
  body_ = nullptr;
}

void HelperThreads::work(int member, std::uint64_t seen) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return is_ending_ || round_ != seen; });
    if (is_ending_) return;
    seen = round_;
    if (member >= members_) continue;
    const std::function<void(int)>& body = *body_;
    lock.unlock();
    body(member);
    lock.lock();
    if (--unfinished_ == 0) changed_.notify_all();
  }
}

}  // namespace kith::tensor
