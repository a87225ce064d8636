#include "kith/personalize/snapshot.h"

#include <algorithm>

#include "kith/memory/recent.h"
#include "kith/personalize/composer.h"
#include "kith/personalize/grounding.h"
#include "kith/storage/history.h"

namespace kith::personalize {
namespace {

// Turns looked through for exchanges on the same topic, and their characters.
constexpr std::size_t kRecallTurns = 40;
constexpr std::size_t kRecallBudget = 20'000;
constexpr double kMinTopicOverlap = 0.34;
constexpr std::size_t kMinTopicWords = 2;

// Whether the stored turns and `turns` differ somewhere in what both have.
bool has_diverged(const std::vector<storage::TurnRow>& stored,
                  const std::vector<storage::NewTurn>& turns) {
  const std::size_t both = std::min(stored.size(), turns.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (stored[i].content_hash != storage::content_hash(turns[i].role, turns[i].text)) return true;
  }
  return false;
}

// The branch that a diverged history belongs to, or the client's conversation itself.
Result<ConversationId> find_branch(storage::ConversationStore& conversations,
                                   const storage::Scope& scope, const ConversationId& named,
                                   const std::vector<storage::NewTurn>& turns) {
  if (named.empty()) return named;
  KITH_ASSIGN_OR_RETURN(const auto stored, conversations.turns(scope, named));
  if (!has_diverged(stored, turns)) return named;
  std::vector<std::string> hashes;
  for (const storage::NewTurn& turn : turns) {
    hashes.push_back(storage::prefix_hash(hashes.empty() ? "" : hashes.back(),
                                          storage::content_hash(turn.role, turn.text)));
  }
  for (std::size_t i = hashes.size(); i-- > 0;) {
    KITH_ASSIGN_OR_RETURN(const auto found, conversations.find_prefix(scope, hashes[i]));
    for (const storage::TurnRef& ref : found) {
      if (ref.conversation == named) return named;
      KITH_ASSIGN_OR_RETURN(const auto row, conversations.find(scope, ref.conversation));
      if (row && row->forked_from == named) return ref.conversation;
    }
  }
  return named;
}

struct Exchange {
  std::string question;
  std::string answer;
};

std::vector<Exchange> pair_up(const std::vector<storage::TurnRow>& turns) {
  std::vector<Exchange> exchanges;
  for (const storage::TurnRow& turn : turns) {
    if (turn.role == "user") {
      exchanges.push_back({turn.text, ""});
    } else if (turn.role == "assistant" && !exchanges.empty() && exchanges.back().answer.empty()) {
      exchanges.back().answer = turn.text;
    }
  }
  return exchanges;
}

bool is_on_topic(const std::vector<std::string>& words, const Exchange& exchange) {
  const double share = measure_overlap(words, exchange.question + "\n" + exchange.answer);
  return share >= kMinTopicOverlap &&
         share * static_cast<double>(words.size()) >= static_cast<double>(kMinTopicWords) - 1e-9;
}

}  // namespace

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kDeadlineExceeded:
      return "deadline exceeded";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kInternal:
      break;
  }
  return "internal";
}

Result<UserSnapshot> read_user(storage::StoreSet& stores, const storage::Scope& scope) {
  UserSnapshot snapshot;
  KITH_ASSIGN_OR_RETURN(const auto consents, stores.consents().list(scope));
  snapshot.personalizes = storage::is_allowed(consents, storage::kConsentPersonalize);
  snapshot.learns = storage::is_allowed(consents, storage::kConsentLearn);
  if (!snapshot.personalizes) return snapshot;
  KITH_ASSIGN_OR_RETURN(auto user, stores.users().find(scope));
  if (!user) return snapshot;
  snapshot.attributes = std::move(user->attributes);
  snapshot.recorded_at = std::move(user->recorded_at);
  return snapshot;
}

std::vector<storage::NewTurn> to_turns(const std::vector<Message>& messages, base::UnixMicros at) {
  std::vector<storage::NewTurn> turns;
  for (const Message& message : messages) {
    if (message.role == "system" || message.role == "developer") continue;
    storage::NewTurn turn;
    turn.role = message.role;
    turn.text = message.content;
    turn.at = at;
    turns.push_back(std::move(turn));
  }
  return turns;
}

Result<HistoryPlan> plan_turns(storage::ConversationStore& conversations,
                               const storage::Scope& scope, const ConversationId& conversation,
                               const std::vector<storage::NewTurn>& turns,
                               const ConversationId& new_id) {
  HistoryPlan plan;
  KITH_ASSIGN_OR_RETURN(plan.source, find_branch(conversations, scope, conversation, turns));
  KITH_ASSIGN_OR_RETURN(const auto place,
                        storage::find_history(conversations, scope, plan.source, turns, new_id));
  plan.conversation = place.conversation;
  if (!place.is_forked) plan.source = place.conversation;
  const std::size_t num_added = std::min(static_cast<std::size_t>(place.num_added), turns.size());
  for (std::size_t i = turns.size() - num_added; i < turns.size(); ++i) {
    if (turns[i].role == "user") plan.new_messages.push_back(turns[i].text);
  }
  return plan;
}

Result<std::vector<PastMessage>> read_messages(storage::ConversationStore& conversations,
                                               const storage::Scope& scope, std::size_t limit) {
  KITH_ASSIGN_OR_RETURN(const auto turns, conversations.recent_turns(scope, limit));
  std::vector<PastMessage> messages;
  for (const storage::TurnRow& turn : turns) {
    if (turn.role == "user") messages.push_back({turn.text, turn.at});
  }
  return messages;
}

Result<std::vector<std::string>> recall_exchanges(storage::ConversationStore& conversations,
                                                  const RecallRequest& request) {
  memory::RecentOptions options;
  options.current = request.current;
  options.max_turns = kRecallTurns;
  options.budget = kRecallBudget;
  KITH_ASSIGN_OR_RETURN(const auto turns,
                        memory::recent_turns(conversations, request.scope, options));
  const std::vector<std::string> words = content_words(request.question);
  std::vector<Exchange> exchanges = pair_up(turns);
  std::reverse(exchanges.begin(), exchanges.end());
  std::vector<std::string> lines;
  for (const Exchange& exchange : exchanges) {
    if (static_cast<int>(lines.size()) >= request.max_exchanges) break;
    // The request's own question comes back when nothing was stored of the current conversation.
    if (exchange.question == request.question || !is_on_topic(words, exchange)) continue;
    lines.push_back(describe_exchange(exchange.question, exchange.answer));
  }
  return lines;
}

std::vector<Degradation> write_record(storage::StoreSet& stores, const AnswerRecord& record) {
  std::vector<Degradation> failed;
  const auto note = [&failed](const char* step, const Error& error) {
    failed.push_back({step, error.message});
  };
  if (!record.turns.empty()) {
    const auto stored = storage::store_history(stores.conversations(), record.scope,
                                               record.conversation, record.turns, record.new_id);
    if (!stored) note("record turns", stored.error());
  }
  if (record.decision) {
    const auto stored = stores.decisions().put(record.scope, *record.decision);
    if (!stored) note("record decision", stored.error());
  }
  if (record.event) {
    const auto stored = stores.events().add(record.scope, *record.event);
    if (!stored) {
      note("record event", stored.error());
      return failed;
    }
  }
  if (record.persona) {
    const auto stored = stores.personas().put(record.scope, *record.persona);
    if (!stored) note("record persona", stored.error());
  }
  return failed;
}

}  // namespace kith::personalize
