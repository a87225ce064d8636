// Storing a resent history once. A client that speaks the OpenAI protocol sends all turns with
// every request; this finds the conversation they belong to, writes only the new ones, and forks
// when an earlier turn was edited or an answer was generated anew.
//
// Method: every turn stores a hash chained over the turns before it,
//   prefix_hash(i) = H(prefix_hash(i-1), content_hash(i)),   content_hash = H(role, trimmed text),
// H = BLAKE2b-128. White space at both ends of a text does not count, as clients trim it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/storage/conversation_store.h"

namespace kith::storage {

// Hexadecimal, 32 characters.
std::string content_hash(std::string_view role, std::string_view text);
std::string prefix_hash(std::string_view previous_prefix_hash, std::string_view content_hash);

struct HistoryPlace {
  ConversationId conversation;
  int first_turn = 0;  // index of turns[0] in the conversation; above 0 if older ones were dropped
  int num_turns = 0;   // of `turns` that stand in this conversation now
  int num_added = 0;
  bool is_new = false;     // the conversation was created
  bool is_forked = false;  // and shares its first turns with an older one
};

// Stores `turns` (without system messages, oldest first) and says where they stand.
//   conversation: the client's own id, or empty to find it by the hashes. Without an id, a history
//     continues the conversation that holds all turns before its last user turn; a history with no
//     answer in it starts a new one, unless exactly these turns stand unanswered (a repeated
//     request).
//     With an id, a history may lack the conversation's oldest turns, as clients drop them.
//   new_id: used if a conversation must be created without an id, or forked.
// Calling it twice with the same arguments stores nothing the second time. When the answer is
// known, call it again with the answer as last turn and the conversation returned before.
// Errors: kInvalidArgument if `turns` is empty or a role is; those of ConversationStore.
Result<HistoryPlace> store_history(ConversationStore& store, const Scope& scope,
                                   const ConversationId& conversation,
                                   std::span<const NewTurn> turns, const ConversationId& new_id);

// What store_history() would say, without storing anything. Another request may come in between.
// Errors: as store_history().
Result<HistoryPlace> find_history(ConversationStore& store, const Scope& scope,
                                  const ConversationId& conversation,
                                  std::span<const NewTurn> turns, const ConversationId& new_id);

}  // namespace kith::storage
