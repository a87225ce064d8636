#include "kith/engine/mask_worker.h"

#include <utility>

namespace kith::engine {

MaskWorker::~MaskWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void MaskWorker::start(const std::vector<Constraint*>& constraints) {
  std::vector<Constraint*> unknown;
  for (Constraint* constraint : constraints) {
    auto known = constraint->matcher.find(constraint->tokens_left);
    if (known.allowed == nullptr) {
      unknown.push_back(constraint);
    } else {
      constraint->next = std::move(known);
    }
  }
  if (unknown.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    pending_ = std::move(unknown);
    is_busy_ = true;
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
}

void MaskWorker::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !is_busy_; });
}

void MaskWorker::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    if (stopping_) return;
    const std::vector<Constraint*> work = std::exchange(pending_, {});
    lock.unlock();
    for (Constraint* constraint : work) {
      constraint->next = constraint->matcher.choose(constraint->tokens_left);
    }
    lock.lock();
    is_busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace kith::engine
