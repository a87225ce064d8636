// Port for conversations and their turns. Clients resend the whole history with each request;
// hashes over role and text let each turn be stored once (see history.h for the procedure).
// Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::storage {

struct ConversationRow {
  ConversationId id;
  base::UnixMicros created_at = 0;
  base::UnixMicros updated_at = 0;
  int num_turns = 0;
  // The conversation whose first turns were copied, and how many; empty and 0 if none.
  ConversationId forked_from;
  int fork_turns = 0;

  friend bool operator==(const ConversationRow&, const ConversationRow&) = default;
};

// A turn as it is written.
struct NewTurn {
  std::string role;  // "user", "assistant", ...
  std::string text;
  base::UnixMicros at = 0;
  std::optional<double> rating;  // of an assistant's turn, as given
  DecisionId decision;           // that produced an assistant's turn
  std::string completion;        // id under which the answer was returned ("chatcmpl-...")
};

// A turn as it is stored.
struct TurnRow {
  ConversationId conversation;
  int index = 0;  // from 0
  std::string role;
  std::string text;
  base::UnixMicros at = 0;
  std::optional<double> rating;
  DecisionId decision;
  std::string completion;
  std::string content_hash;  // of role and text
  std::string prefix_hash;   // of the turns 0..index

  friend bool operator==(const TurnRow&, const TurnRow&) = default;
};

struct TurnRef {
  ConversationId conversation;
  int index = 0;

  friend bool operator==(const TurnRef&, const TurnRef&) = default;
};

class ConversationStore {
 public:
  virtual ~ConversationStore() = default;

  // Writes turns[i] at index first_index + i; creates the conversation (and the user) if needed.
  // A turn that is there already with the same role and text is left alone; all or nothing.
  // Returns the number of turns added.
  // Errors: kConflict if another turn stands at one of the indices, kInvalidArgument if
  //   first_index is beyond the conversation's end or a role is empty.
  virtual Result<int> append(const Scope& scope, const ConversationId& conversation,
                             int first_index, std::span<const NewTurn> turns) = 0;

  // Creates `to` with the first `num_turns` turns of `from`.
  // Errors: kNotFound without `from`, kConflict if `to` exists, kInvalidArgument if `from` is
  // shorter.
  virtual Status fork(const Scope& scope, const ConversationId& from, int num_turns,
                      const ConversationId& to, base::UnixMicros at) = 0;

  virtual Result<std::optional<ConversationRow>> find(const Scope& scope,
                                                      const ConversationId& conversation) = 0;
  // The user's turns whose prefix has this hash, most recently updated conversation first.
  virtual Result<std::vector<TurnRef>> find_prefix(const Scope& scope,
                                                   const std::string& prefix_hash) = 0;
  // The answer returned under this completion id.
  virtual Result<std::optional<TurnRow>> find_completion(const Scope& scope,
                                                         const std::string& completion) = 0;
  // All turns in order; empty if there is no such conversation.
  virtual Result<std::vector<TurnRow>> turns(const Scope& scope,
                                             const ConversationId& conversation) = 0;
  // The user's newest turns over all conversations, in order of time (oldest of them first). Turns
  // that a fork copied count once, with their original.
  virtual Result<std::vector<TurnRow>> recent_turns(const Scope& scope, std::size_t limit) = 0;
  // Most recently updated first.
  virtual Result<std::vector<ConversationRow>> list(const Scope& scope, std::size_t limit) = 0;
  // Errors: kNotFound if there is no such turn.
  virtual Status set_rating(const Scope& scope, const TurnRef& turn, double rating) = 0;
};

}  // namespace kith::storage
