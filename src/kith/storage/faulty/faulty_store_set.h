// A store set that fails on purpose, for tests: a decorator over any other.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "kith/base/result.h"
#include "kith/storage/store_set.h"

namespace kith::storage {

struct FaultPlan {
  // The call of this number fails (1 is the first); 0: none.
  std::int64_t fail_at = 0;
  // Every k-th call fails; 0: none, 1: all.
  std::int64_t fail_every = 0;
  ErrorCode code = ErrorCode::kUnavailable;
  // False: the failing call does nothing. True: it does its work and the answer is lost.
  bool after_the_work = false;
  // Every call takes this much longer.
  std::chrono::milliseconds delay{0};
};

// Thread-safe. Calls of all stores are counted together.
class FaultyStoreSet : public StoreSet {
 public:
  // Replaces the plan and starts counting from zero.
  virtual void set_plan(const FaultPlan& plan) = 0;
  virtual std::int64_t num_calls() const = 0;
  virtual std::int64_t num_failures() const = 0;
};

// Borrows `inner`, which must outlive the result. No faults until a plan is set.
std::unique_ptr<FaultyStoreSet> make_faulty(StoreSet& inner);

}  // namespace kith::storage
