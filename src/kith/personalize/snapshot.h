// What the pipeline reads about a user and writes about an answer: each function is one step, runs
// on a thread of the step runner, and therefore owns its arguments.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/personalize/chat.h"
#include "kith/storage/store_set.h"

namespace kith::personalize {

struct UserSnapshot {
  storage::Attributes attributes;
  storage::AttributeTimes recorded_at;
  // Consent, read now.
  bool personalizes = false;
  bool learns = false;
};

// Errors: those of the stores.
Result<UserSnapshot> read_user(storage::StoreSet& stores, const storage::Scope& scope);

// The turns of a request without system messages, oldest first.
std::vector<storage::NewTurn> to_turns(const std::vector<Message>& messages, base::UnixMicros at);

struct HistoryPlan {
  // Where the turns stand, or will once they are stored.
  ConversationId conversation;
  // What storage::store_history() is to be given; empty to find it by the turns.
  ConversationId source;
  // The user's messages that are not stored yet, oldest first.
  std::vector<std::string> new_messages;
};

// Says where a request's turns belong (storage/history.h) and writes nothing, so that the answer
// need not wait for the disk. A client that names the conversation and comes back on a branch of it
// (an answer generated anew, say) is led to that branch.
Result<HistoryPlan> plan_turns(storage::ConversationStore& conversations,
                               const storage::Scope& scope, const ConversationId& conversation,
                               const std::vector<storage::NewTurn>& turns,
                               const ConversationId& new_id);

// Turns whose messages a new version of the assigner learns anew.
inline constexpr std::size_t kRelearnedTurns = 64;

struct PastMessage {
  std::string text;
  base::UnixMicros at = 0;
};

// The user's latest messages over all conversations, oldest first.
Result<std::vector<PastMessage>> read_messages(storage::ConversationStore& conversations,
                                               const storage::Scope& scope, std::size_t limit);

struct RecallRequest {
  storage::Scope scope;
  ConversationId current;
  std::string question;
  int max_exchanges = 2;
};

// Exchanges of other conversations on the question's topic, one line each, latest first.
Result<std::vector<std::string>> recall_exchanges(storage::ConversationStore& conversations,
                                                  const RecallRequest& request);

// What is left of an answer. Absent parts are not written.
struct AnswerRecord {
  storage::Scope scope;
  ConversationId conversation;
  ConversationId new_id;
  std::vector<storage::NewTurn> turns;  // with the answer as last one; empty: not stored
  std::optional<storage::DecisionRow> decision;
  std::optional<storage::PersonaAssignment> persona;
  // Written before the assignment that it tells of, so that a failure between them repeats it under
  // the same id rather than loses it.
  std::optional<storage::EventRow> event;
};

// Writes the parts one by one; a part that fails does not keep the others from being written.
// Returns the parts that failed.
std::vector<Degradation> write_record(storage::StoreSet& stores, const AnswerRecord& record);

// "unavailable", "deadline exceeded", ...: for metrics and logs.
std::string_view name_of(ErrorCode code);

}  // namespace kith::personalize
