// Who a user is, looked at anew outside of a request: after feedback, and when the directory has
// changed.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/persona/assignment.h"
#include "kith/personalize/recording_gate.h"
#include "kith/storage/store_set.h"

namespace kith::personalize {

// What a signal tells of the user who gave it; none for a reply, whose words the conversation has.
// A signal "open" or "click" with the id of a document as its text says that it was opened.
std::optional<persona::BehaviourEvent> behaviour_of(const storage::FeedbackRow& feedback);

// Thread-safe. A request of the same user that runs meanwhile writes last: what was learned here
// between its reading and its writing is lost.
class PersonaLearner {
 public:
  // Borrows stores, clock and gate. `assigner` may be null: then nothing is learned. `gate` is the
  // one that erasures pass (Pipeline::recording_gate()), so that nobody is written back who was
  // erased meanwhile; null where nobody can be.
  PersonaLearner(storage::StoreSet& stores, std::shared_ptr<const persona::Assigner> assigner,
                 const base::Clock& clock, RecordingGate* gate = nullptr)
      : stores_(stores), assigner_(std::move(assigner)), clock_(clock), gate_(gate) {}

  // Takes what the user did into account, and stores the assignment and a change of persona. Does
  // nothing for a user who has no assignment yet or does not consent to personalisation and
  // learning. Errors: those of the stores; kConflict if the user was erased meanwhile.
  Status learn(const storage::Scope& scope, std::span<const persona::BehaviourEvent> events);

  // learn() without events for every user of the tenant whose attributes changed at or after
  // `since`. Errors: those of the stores.
  Status look_again(const storage::TenantScope& scope, base::UnixMicros since);

 private:
  // What a look leaves behind.
  struct Outcome {
    std::optional<persona::PersonaChange> change;
    storage::PersonaAssignment row;
  };

  Result<std::optional<Outcome>> look(const storage::Scope& scope,
                                      std::span<const persona::BehaviourEvent> events);
  Status write(const storage::Scope& scope, const Outcome& outcome);
  Result<bool> may_learn(const storage::Scope& scope);
  Result<persona::AssignmentState> read_state(const storage::Scope& scope,
                                              const storage::PersonaAssignment& row);

  storage::StoreSet& stores_;
  const std::shared_ptr<const persona::Assigner> assigner_;
  const base::Clock& clock_;
  RecordingGate* const gate_;
};

}  // namespace kith::personalize
