// Brings users' embeddings up to date with their timelines.
//
// The states of users who were seen last are kept and carried on by what has happened since: one
// new event costs the same after ten as after ten thousand. A state holds as long as the timeline's
// revision does (ADR 31); another one, or none, is made anew from the events. Either way gives the
// same numbers, bit for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/store_set.h"
#include "kith/timeline/event_encoder.h"

namespace kith::timeline {

// Runs `work` where matrix products may run (engine/compute_thread.h) and waits for its end. False:
// there was nobody left to run it.
using Compute = std::function<bool(const std::function<void()>& work)>;

// On the calling thread.
bool compute_here(const std::function<void()>& work);

struct UserEmbedderOptions {
  // Users whose states are kept, at most those that the encoder has room for, >= 1.
  int max_states = 64;
  // Called after the events of a timeline that is read anew, a page at a time, so that a long one
  // can be given up. False: stop, with kCancelled. May be empty.
  std::function<bool()> goes_on = {};
};

// What refresh() did.
enum class RefreshKind : std::uint8_t {
  kNothing,  // the user has no events, or refuses to be learned from
  kCurrent,  // the stored row was current
  kCarriedOn,
  kRebuilt,
};

struct Refreshed {
  RefreshKind kind = RefreshKind::kNothing;
  // Empty for kNothing.
  std::optional<storage::EmbeddingRow> row;
};

// Not thread-safe: one worker calls it. Erases nothing by itself: forget() does, for states.
class UserEmbedder {
 public:
  // Borrows all of them. REQUIRES: options.max_states >= 1.
  UserEmbedder(storage::StoreSet& stores, EventEncoder& encoder, const base::Clock& clock,
               Compute compute = compute_here, UserEmbedderOptions options = {});

  const EventEncoder& encoder() const { return encoder_; }

  // The user's embedding of all that he did, stored if it was not. O(new events) for a kept state,
  // O(events) for another.
  // Errors: those of the stores and EventEncoder::append(); kCancelled as above; kUnavailable if
  //   the timeline changes under the reading again and again.
  Result<Refreshed> refresh(const storage::Scope& scope);

  // How much each value of a feature is to be expected in the user's next event, as
  // EventEncoder::scores(). Refreshes. No value: as RefreshKind::kNothing.
  // Errors: as refresh().
  Result<std::optional<std::vector<float>>> next_scores(const storage::Scope& scope,
                                                        std::size_t feature);

  // The state of a user who was erased or refused.
  void forget(const storage::Scope& scope);
  int num_states() const { return static_cast<int>(states_.size()); }

 private:
  using Key = std::pair<std::string, std::string>;  // tenant, user
  struct Kept {
    Key key;
    EventState state;
    storage::TimelineHead head;
  };

  static Key key_of(const storage::Scope& scope) { return {scope.tenant.str(), scope.user.str()}; }
  // Brings the user's state to the timeline's head. Null: there are no events.
  Result<Kept*> bring_on(const storage::Scope& scope, bool& is_rebuilt);
  Result<Kept*> state_for(const storage::Scope& scope, const storage::TimelineHead& head,
                          bool& is_rebuilt);
  Status read_on(const storage::Scope& scope, Kept& kept);
  Result<storage::EmbeddingRow> row_of(const Kept& kept);

  storage::StoreSet& stores_;
  EventEncoder& encoder_;
  const base::Clock& clock_;
  Compute compute_;
  UserEmbedderOptions options_;
  std::list<Kept> states_;  // the one used last first
  std::map<Key, std::list<Kept>::iterator> places_;
};

}  // namespace kith::timeline
