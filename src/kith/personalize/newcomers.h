// Users who have never asked: who they seem to be is noted from their attributes, so that figures
// over all users (storage/fleet_store.h) hold everybody. Nothing is assigned by it: an assignment
// begins with the first answer, from all that is known then.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/persona/assignment.h"
#include "kith/storage/store_set.h"

namespace kith::personalize {

// What a pass needs; all borrowed, thread-safe.
struct NewcomerSources {
  storage::StoreSet& stores;
  const persona::Assigner& assigner;
  const base::Clock& clock;
};

// Looks at every user of the tenant without an assignment whose attributes are new since the last
// note; those who do not consent to personalisation and learning have none. O(users without an
// assignment); commits by the hundred.
//   between: called after each hundred; may wait
// Errors: those of the stores; kCancelled once a stop is requested.
Status note_newcomers(const NewcomerSources& sources, const storage::TenantScope& tenant,
                      const std::stop_token& stop = {}, const std::function<void()>& between = {});

// The same beside a server's requests: one thread, which rests after each hundred for as long as
// they took. Thread-safe.
class NewcomerPass {
 public:
  static constexpr std::chrono::milliseconds kSettle{2000};

  // Null assigner: nobody is noted. Borrows stores and clock.
  //   settle: how long a pass waits before it begins, so that many changes make one
  NewcomerPass(storage::StoreSet& stores, std::shared_ptr<const persona::Assigner> assigner,
               const base::Clock& clock, std::chrono::milliseconds settle = kSettle);
  // Ends a pass that is under way; the next one takes it up.
  ~NewcomerPass();
  NewcomerPass(const NewcomerPass&) = delete;
  NewcomerPass& operator=(const NewcomerPass&) = delete;

  // Returns at once. A tenant that waits already is looked at once.
  void begin(const storage::TenantScope& tenant);
  // Until nothing is left to do.
  void wait();

 private:
  void loop(const std::stop_token& stop);
  void look(const storage::TenantScope& tenant, const std::stop_token& stop);

  storage::StoreSet& stores_;
  const std::shared_ptr<const persona::Assigner> assigner_;
  const base::Clock& clock_;
  const std::chrono::milliseconds settle_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<TenantId> waiting_;  // guarded by mutex_, as is the next
  bool is_busy_ = false;
  std::jthread thread_;
};

}  // namespace kith::personalize
