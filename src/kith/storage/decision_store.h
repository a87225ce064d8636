// Ports for what was decided for a user and what came back: the log that policies learn from.
// Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::storage {

struct DecisionRow {
  DecisionId id;
  UserId user;  // set by the store
  ConversationId conversation;
  std::string completion;  // id under which the answer was returned
  base::UnixMicros at = 0;
  PersonaId persona;
  AdapterId adapter;
  // Of the adapter, if it is a registered version (adapter_version_store.h); else 0.
  int adapter_version = 0;
  std::string chosen;           // source of the chosen candidate
  double probability = 1.0;     // (0, 1], the one that was sampled from
  std::string document = "{}";  // JSON, the whole decision
  // The user's own, whoever answered; empty: none.
  PersonaId own_persona;

  friend bool operator==(const DecisionRow&, const DecisionRow&) = default;
};

class DecisionStore {
 public:
  virtual ~DecisionStore() = default;

  // Writes a decision once. kUnchanged semantics: the same id with an equal row succeeds.
  // Errors: kConflict if the id is taken by another row, kInvalidArgument if the probability is
  //   outside (0, 1].
  virtual Status put(const Scope& scope, const DecisionRow& decision) = 0;
  virtual Result<std::optional<DecisionRow>> find(const Scope& scope, const DecisionId& id) = 0;
  virtual Result<std::optional<DecisionRow>> find_completion(const Scope& scope,
                                                             const std::string& completion) = 0;
  // For operators, who ask by id alone.
  virtual Result<std::optional<DecisionRow>> find_in_tenant(const TenantScope& scope,
                                                            const DecisionId& id) = 0;
  // Newest first.
  virtual Result<std::vector<DecisionRow>> list(const Scope& scope, std::size_t limit) = 0;
  // Puts what a version in shadow would have answered into the document, as its member `shadow`, in
  // the place of an earlier one. False if the user has no such decision (any more).
  //   shadow: JSON; its `version` is what AdapterVersionStore::shadows() finds it by. Errors:
  //   kInvalidArgument if it is none.
  virtual Result<bool> set_shadow(const Scope& scope, const DecisionId& id,
                                  const std::string& shadow) = 0;
};

struct FeedbackRow {
  std::string key;  // one signal once: a second row with the same key is ignored
  DecisionId decision;
  std::string kind;                  // "thumb", "rating", "reply", "dwell", ...
  std::optional<double> value;       // absent when the signal is a text
  std::string text;                  // empty when the signal is a number
  base::UnixMicros at = 0;           // when it happened
  base::UnixMicros received_at = 0;  // when it arrived; may be much later

  friend bool operator==(const FeedbackRow&, const FeedbackRow&) = default;
};

class FeedbackStore {
 public:
  virtual ~FeedbackStore() = default;

  // Returns true if added, false if the user has a row of this key. The decision need not be known.
  // Errors: kInvalidArgument if key, decision or kind is empty, or a value is not finite.
  virtual Result<bool> add(const Scope& scope, const FeedbackRow& feedback) = 0;
  // In order of `at`.
  virtual Result<std::vector<FeedbackRow>> list_decision(const Scope& scope,
                                                         const DecisionId& decision) = 0;
  // Newest first.
  virtual Result<std::vector<FeedbackRow>> list(const Scope& scope, std::size_t limit) = 0;
};

}  // namespace kith::storage
