#include "kith/storage/history.h"

#include <algorithm>

#include "kith/storage/digest.h"

namespace kith::storage {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// prefix hash of the turns 0..i, for each i.
std::vector<std::string> chain(std::span<const NewTurn> turns) {
  std::vector<std::string> hashes;
  hashes.reserve(turns.size());
  std::string previous;
  for (const NewTurn& turn : turns) {
    previous = prefix_hash(previous, content_hash(turn.role, turn.text));
    hashes.push_back(previous);
  }
  return hashes;
}

// Finds the conversation that an anonymous history continues; empty if it starts a new one.
Result<ConversationId> find_continued(ConversationStore& store, const Scope& scope,
                                      std::span<const NewTurn> turns,
                                      const std::vector<std::string>& hashes) {
  // A repeated request whose answer was never stored.
  KITH_ASSIGN_OR_RETURN(const auto whole, store.find_prefix(scope, hashes.back()));
  for (const TurnRef& ref : whole) {
    KITH_ASSIGN_OR_RETURN(const auto row, store.find(scope, ref.conversation));
    if (row && row->num_turns == static_cast<int>(turns.size())) return ref.conversation;
  }
  const auto is_answer = [](const NewTurn& turn) { return turn.role != "user"; };
  const auto last_answer = std::find_if(turns.rbegin(), turns.rend(), is_answer);
  if (last_answer == turns.rend()) return ConversationId{};
  // All turns first: this is how a repeated request about an answered turn finds its conversation.
  if (!whole.empty()) return whole.front().conversation;
  const auto last = static_cast<std::size_t>(turns.rend() - last_answer) - 1;
  for (std::size_t i = last + 1; i-- > 0;) {
    // Earlier prefixes find the conversation of an answer that the client edited; a lone first turn
    // ("hello") would find a stranger's.
    if (i == 0) break;
    KITH_ASSIGN_OR_RETURN(const auto found, store.find_prefix(scope, hashes[i]));
    if (!found.empty()) return found.front().conversation;
  }
  return ConversationId{};
}

// Number of leading turns that stand equally in the store.
std::size_t count_equal(const std::vector<TurnRow>& stored,
                        const std::vector<std::string>& hashes) {
  std::size_t equal = 0;
  while (equal < stored.size() && equal < hashes.size() &&
         stored[equal].prefix_hash == hashes[equal]) {
    ++equal;
  }
  return equal;
}

}  // namespace

std::string content_hash(std::string_view role, std::string_view text) {
  return digest({role, trim(text)});
}

std::string prefix_hash(std::string_view previous_prefix_hash, std::string_view content_hash) {
  return digest({previous_prefix_hash, content_hash});
}

namespace {

// Where a history whose oldest turns the client dropped begins in the stored turns: the first index
// from which all turns that both have agree. Two must, as one ("yes") agrees by chance. 0 if
// nowhere.
std::size_t find_window(const std::vector<TurnRow>& stored, std::span<const NewTurn> turns) {
  std::vector<std::string> hashes;
  for (const NewTurn& turn : turns) hashes.push_back(content_hash(turn.role, turn.text));
  for (std::size_t begin = 1; begin + 2 <= stored.size(); ++begin) {
    const std::size_t shared = std::min(stored.size() - begin, hashes.size());
    std::size_t equal = 0;
    while (equal < shared && stored[begin + equal].content_hash == hashes[equal]) ++equal;
    if (equal == shared && shared >= 2) return begin;
  }
  return 0;
}

// What is to be done to store a history.
struct Plan {
  // The conversation that is forked; else that of `place`.
  ConversationId source;
  HistoryPlace place;
  // Leading turns that need not be written.
  std::size_t known = 0;
};

// For a conversation that holds `stored`.
Plan plan_beside(const std::vector<TurnRow>& stored, std::span<const NewTurn> turns,
                 const std::vector<std::string>& hashes, const ConversationId& conversation,
                 const ConversationId& new_id) {
  const std::size_t equal = count_equal(stored, hashes);
  std::size_t begin = 0;  // index of turns[0] in the conversation
  if (equal == 0 && !stored.empty()) begin = find_window(stored, turns);
  Plan plan;
  plan.source = conversation;
  plan.known = begin > 0 ? std::min(stored.size() - begin, turns.size()) : equal;
  HistoryPlace& place = plan.place;
  place.is_forked = begin == 0 && equal < stored.size() && equal < turns.size();
  place.conversation = place.is_forked ? new_id : conversation;
  place.is_new = stored.empty() || place.is_forked;
  place.first_turn = static_cast<int>(begin);
  place.num_turns = static_cast<int>(turns.size());
  place.num_added = static_cast<int>(turns.size() - plan.known);
  return plan;
}

Result<Plan> plan_turns(ConversationStore& store, const Scope& scope,
                        std::span<const NewTurn> turns, const std::vector<std::string>& hashes,
                        const ConversationId& conversation, const ConversationId& new_id) {
  KITH_ASSIGN_OR_RETURN(const auto stored, store.turns(scope, conversation));
  return plan_beside(stored, turns, hashes, conversation, new_id);
}

Result<HistoryPlace> write_turns(ConversationStore& store, const Scope& scope,
                                 std::span<const NewTurn> turns, Plan plan) {
  HistoryPlace place = std::move(plan.place);
  if (place.is_forked) {
    KITH_RETURN_IF_ERROR(store.fork(scope, plan.source, static_cast<int>(plan.known),
                                    place.conversation, turns.back().at));
  }
  KITH_ASSIGN_OR_RETURN(
      place.num_added,
      store.append(scope, place.conversation, place.first_turn + static_cast<int>(plan.known),
                   turns.subspan(plan.known)));
  return place;
}

// The conversation that the history continues, or `new_id`.
Result<ConversationId> find_conversation(ConversationStore& store, const Scope& scope,
                                         const ConversationId& named,
                                         std::span<const NewTurn> turns,
                                         const std::vector<std::string>& hashes,
                                         const ConversationId& new_id) {
  if (!named.empty()) return named;
  KITH_ASSIGN_OR_RETURN(const ConversationId found, find_continued(store, scope, turns, hashes));
  return found.empty() ? new_id : found;
}

Status check_turns(std::span<const NewTurn> turns) {
  if (!turns.empty()) return {};
  return Error{ErrorCode::kInvalidArgument, "a history must hold at least one turn"};
}

}  // namespace

Result<HistoryPlace> find_history(ConversationStore& store, const Scope& scope,
                                  const ConversationId& conversation,
                                  std::span<const NewTurn> turns, const ConversationId& new_id) {
  KITH_RETURN_IF_ERROR(check_turns(turns));
  const std::vector<std::string> hashes = chain(turns);
  KITH_ASSIGN_OR_RETURN(const ConversationId found,
                        find_conversation(store, scope, conversation, turns, hashes, new_id));
  // What nobody has named or stored before holds no turns.
  if (conversation.empty() && found == new_id) {
    return plan_beside({}, turns, hashes, found, new_id).place;
  }
  KITH_ASSIGN_OR_RETURN(Plan plan, plan_turns(store, scope, turns, hashes, found, new_id));
  return std::move(plan.place);
}

Result<HistoryPlace> store_history(ConversationStore& store, const Scope& scope,
                                   const ConversationId& conversation,
                                   std::span<const NewTurn> turns, const ConversationId& new_id) {
  KITH_RETURN_IF_ERROR(check_turns(turns));
  const std::vector<std::string> hashes = chain(turns);
  KITH_ASSIGN_OR_RETURN(const ConversationId found,
                        find_conversation(store, scope, conversation, turns, hashes, new_id));
  const auto store_once = [&]() -> Result<HistoryPlace> {
    KITH_ASSIGN_OR_RETURN(Plan plan, plan_turns(store, scope, turns, hashes, found, new_id));
    return write_turns(store, scope, turns, std::move(plan));
  };
  auto place = store_once();
  if (!place && place.error().code == ErrorCode::kConflict) {
    // Another request added a turn between the reading and the writing: now it is seen.
    place = store_once();
  }
  return place;
}

}  // namespace kith::storage
