// Keeps an answer that was under way when its user was erased from writing the user back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>

#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::personalize {

// Thread-safe. Writes run side by side; an erasure waits for those that run, and they for it.
class RecordingGate {
 public:
  // A request's stay, from before its first read of the user to its last write. Work that outlives
  // the request holds it too. The gate must outlive it.
  class Visit {
   public:
    Visit(RecordingGate& gate, std::uint64_t began_at) : gate_(gate), began_at_(began_at) {}
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() { gate_.leave(began_at_); }

   private:
    friend class RecordingGate;
    RecordingGate& gate_;
    // Erasures before it.
    std::uint64_t began_at_;
  };

  std::shared_ptr<const Visit> enter();

  // Erasures that are remembered, for the sake of visits that began before them.
  std::size_t num_remembered() const;

  // Runs `work`, which returns a Result and writes about the user.
  // Errors: kConflict, without running it, if the user was erased since the visit began.
  template <typename Work>
  auto write(const Visit& visit, const storage::Scope& scope, Work&& work) -> decltype(work()) {
    const std::shared_lock lock(order_);
    if (was_erased(scope, visit.began_at_)) {
      return Error{ErrorCode::kConflict, "the user was erased while the answer was made"};
    }
    return work();
  }

  // Runs `work`, which erases the user, while nobody writes. Visits that began before write nothing
  // about this user any more, whether it succeeds or not.
  template <typename Work>
  auto erase(const storage::Scope& scope, Work&& work) -> decltype(work()) {
    const std::unique_lock lock(order_);
    note_erasure(scope);
    return work();
  }

 private:
  void leave(std::uint64_t began_at);
  bool was_erased(const storage::Scope& scope, std::uint64_t began_at) const;
  void note_erasure(const storage::Scope& scope);

  std::shared_mutex order_;  // shared by writes, held alone by an erasure
  mutable std::mutex mutex_;
  // Guarded by mutex_. The last erasure of each user that some visit began before, by a digest: the
  // name of an erased user is kept nowhere.
  std::map<std::string, std::uint64_t> erased_at_;
  std::uint64_t num_erasures_ = 0;
  // Of those who are inside, when they began; guarded by mutex_.
  std::multiset<std::uint64_t> visits_;
};

}  // namespace kith::personalize
