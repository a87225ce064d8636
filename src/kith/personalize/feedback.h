// Records what came back on an answer: thumbs, ratings, replies, reading time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/personalize/adapter_versions.h"
#include "kith/personalize/persona_learner.h"
#include "kith/storage/store_set.h"

namespace kith::personalize {

struct Signal {
  std::string kind;  // "thumb" (-1 or 1), "rating" (1-5), "dwell" (seconds), "reply", ...
  std::optional<double> value;  // one of value and text
  std::string text;
  base::UnixMicros at = 0;  // 0: now
};

struct FeedbackRequest {
  storage::Scope scope;
  // One of the two names the answer.
  DecisionId decision;
  std::string completion;
  std::vector<Signal> signals;
  // The same key twice is recorded once; empty: made from what is said, so that a repeated call
  // changes nothing.
  std::string key;
};

struct FeedbackOutcome {
  // Decisions that the signals apply to, also when they were recorded before.
  std::vector<DecisionId> applied_to;
  // Signals that were not there yet.
  int num_added = 0;
};

// Thread-safe.
class FeedbackRecorder {
 public:
  // All are borrowed and must outlive the recorder. `versions` hears of thumbs, `learner` of all
  // that the user did; both may be null.
  FeedbackRecorder(storage::StoreSet& stores, const base::Clock& clock,
                   AdapterVersions* versions = nullptr, PersonaLearner* learner = nullptr);

  // Records the signals. A "rating" or "thumb" is also put on the turn that holds the answer.
  // Errors: kInvalidArgument (no signal, no decision or completion, a value out of range or neither
  //   value nor text), kNotFound if this user has no such decision or completion, kUnavailable.
  Result<FeedbackOutcome> record(const FeedbackRequest& request);

 private:
  void learn(const storage::Scope& scope, std::span<const persona::BehaviourEvent> events);

  storage::StoreSet& stores_;
  const base::Clock& clock_;
  AdapterVersions* versions_;
  PersonaLearner* learner_;
};

}  // namespace kith::personalize
