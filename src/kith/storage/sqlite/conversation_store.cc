#include "kith/storage/sqlite/conversation_store.h"

#include <algorithm>
#include <cmath>

#include "kith/storage/history.h"
#include "kith/storage/sqlite/rows.h"

namespace kith::storage::sqlite {
namespace {

ConversationRow read_conversation(const Query& query) {
  return ConversationRow{ConversationId(query.text(0)),
                         query.integer(1),
                         query.integer(2),
                         static_cast<int>(query.integer(3)),
                         ConversationId(query.text(4)),
                         static_cast<int>(query.integer(5))};
}

TurnRow read_turn(const Query& query) {
  TurnRow turn;
  turn.conversation = ConversationId(query.text(0));
  turn.index = static_cast<int>(query.integer(1));
  turn.role = query.text(2);
  turn.text = query.text(3);
  turn.at = query.integer(4);
  turn.rating = query.optional_number(5);
  turn.decision = DecisionId(query.text(6));
  turn.completion = query.text(7);
  turn.content_hash = query.text(8);
  turn.prefix_hash = query.text(9);
  return turn;
}

std::optional<ConversationRow> find_conversation(Session& session, const Scope& scope,
                                                 const ConversationId& conversation) {
  Query query = session.query(
      "SELECT conversation, created_at, updated_at, num_turns, forked_from, fork_turns "
      "FROM conversations WHERE tenant = ? AND user = ? AND conversation = ?");
  query.bind(scope.tenant, scope.user, conversation);
  if (!query.step()) return std::nullopt;
  return read_conversation(query);
}

void insert_conversation(Session& session, const Scope& scope, const ConversationRow& row) {
  session.query("INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(scope.tenant, scope.user, row.id, row.created_at, row.updated_at, row.num_turns,
            row.forked_from, row.fork_turns)
      .run();
}

struct TurnHashes {
  std::string content;
  std::string prefix;
};

// The hashes of the turn at `index`; empty ones if there is none.
TurnHashes find_hashes(Session& session, const Scope& scope, const ConversationId& conversation,
                       int index) {
  Query query = session.query(
      "SELECT content_hash, prefix_hash FROM turns "
      "WHERE tenant = ? AND user = ? AND conversation = ? AND turn = ?");
  query.bind(scope.tenant, scope.user, conversation, index);
  if (!query.step()) return {};
  return TurnHashes{query.text(0), query.text(1)};
}

void insert_turn(Session& session, const Scope& scope, const TurnRow& turn) {
  session.query("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(scope.tenant, scope.user, turn.conversation, turn.index, turn.role, turn.text, turn.at,
            turn.rating, turn.decision, turn.completion, turn.content_hash, turn.prefix_hash)
      .run();
}

// Writes the turns that are missing; see ConversationStore::append.
Result<int> add_turns(Session& session, const Scope& scope, const ConversationRow& row,
                      int first_index, std::span<const NewTurn> turns) {
  std::string prefix = find_hashes(session, scope, row.id, first_index - 1).prefix;
  int index = first_index;
  int num_added = 0;
  for (const NewTurn& turn : turns) {
    const TurnHashes stored = find_hashes(session, scope, row.id, index);
    const std::string content = content_hash(turn.role, turn.text);
    if (!stored.content.empty() && stored.content != content) {
      return Error{ErrorCode::kConflict, "another turn stands at index " + std::to_string(index)};
    }
    prefix = prefix_hash(prefix, content);
    if (stored.content.empty()) {
      insert_turn(session, scope,
                  TurnRow{row.id, index, turn.role, turn.text, turn.at, turn.rating, turn.decision,
                          turn.completion, content, prefix});
      ++num_added;
    }
    ++index;
  }
  return num_added;
}

Status check_turns(int first_index, std::span<const NewTurn> turns) {
  if (first_index < 0) {
    return Error{ErrorCode::kInvalidArgument, "turn index must not be negative"};
  }
  for (const NewTurn& turn : turns) {
    KITH_RETURN_IF_ERROR(check_row_id(turn.role, "turn role"));
    if (turn.rating && !std::isfinite(*turn.rating)) {
      return Error{ErrorCode::kInvalidArgument, "turn rating must be finite"};
    }
  }
  return {};
}

}  // namespace

Result<int> SqliteConversationStore::append(const Scope& scope, const ConversationId& conversation,
                                            int first_index, std::span<const NewTurn> turns) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(conversation.str(), "conversation id"));
  KITH_RETURN_IF_ERROR(check_turns(first_index, turns));
  if (turns.empty()) return 0;
  return database_.write([&](Session& session) -> Result<int> {
    std::optional<ConversationRow> row = find_conversation(session, scope, conversation);
    if (!row) {
      const base::UnixMicros at = turns.front().at;
      ensure_user(session, scope, at);
      row = ConversationRow{conversation, at, at, 0, ConversationId{}, 0};
      insert_conversation(session, scope, *row);
    }
    if (first_index > row->num_turns) {
      return Error{ErrorCode::kInvalidArgument, "first turn index must be at most " +
                                                    std::to_string(row->num_turns) + ": " +
                                                    std::to_string(first_index)};
    }
    KITH_ASSIGN_OR_RETURN(const int num_added, add_turns(session, scope, *row, first_index, turns));
    if (num_added > 0) {
      session
          .query(
              "UPDATE conversations SET num_turns = ?, updated_at = max(updated_at, ?) "
              "WHERE tenant = ? AND user = ? AND conversation = ?")
          .bind(row->num_turns + num_added, turns.back().at, scope.tenant, scope.user, conversation)
          .run();
    }
    return num_added;
  });
}

Status SqliteConversationStore::fork(const Scope& scope, const ConversationId& from, int num_turns,
                                     const ConversationId& to, base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(to.str(), "conversation id"));
  return database_.write([&](Session& session) -> Status {
    const std::optional<ConversationRow> row = find_conversation(session, scope, from);
    if (!row) return Error{ErrorCode::kNotFound, "there is no such conversation to fork"};
    if (num_turns < 0 || num_turns > row->num_turns) {
      return Error{ErrorCode::kInvalidArgument, "a fork must share between 0 and " +
                                                    std::to_string(row->num_turns) +
                                                    " turns: " + std::to_string(num_turns)};
    }
    if (find_conversation(session, scope, to)) {
      return Error{ErrorCode::kConflict, "the fork's conversation id is taken"};
    }
    insert_conversation(session, scope, ConversationRow{to, at, at, num_turns, from, num_turns});
    session
        .query(
            "INSERT INTO turns SELECT tenant, user, ?, turn, role, text, at, rating, decision, "
            "completion, content_hash, prefix_hash FROM turns "
            "WHERE tenant = ? AND user = ? AND conversation = ? AND turn < ?")
        .bind(to, scope.tenant, scope.user, from, num_turns)
        .run();
    return {};
  });
}

Result<std::optional<ConversationRow>> SqliteConversationStore::find(
    const Scope& scope, const ConversationId& conversation) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<ConversationRow>> {
    return find_conversation(session, scope, conversation);
  });
}

Result<std::vector<TurnRef>> SqliteConversationStore::find_prefix(const Scope& scope,
                                                                  const std::string& prefix_hash) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<TurnRef>> {
    std::vector<TurnRef> found;
    Query query = session.query(
        "SELECT conversation, turn FROM turns JOIN conversations USING (tenant, user, "
        "conversation) "
        "WHERE tenant = ? AND user = ? AND prefix_hash = ? ORDER BY updated_at DESC, conversation");
    query.bind(scope.tenant, scope.user, prefix_hash);
    while (query.step()) {
      found.push_back(TurnRef{ConversationId(query.text(0)), static_cast<int>(query.integer(1))});
    }
    return found;
  });
}

Result<std::optional<TurnRow>> SqliteConversationStore::find_completion(
    const Scope& scope, const std::string& completion) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<TurnRow>> {
    // A fork copies turns with their completion: the original, which is the older row, counts.
    Query query = session.query(
        "SELECT conversation, turn, role, text, at, rating, decision, completion, content_hash, "
        "prefix_hash FROM turns WHERE tenant = ? AND user = ? AND completion = ? "
        "AND completion <> '' ORDER BY rowid LIMIT 1");
    query.bind(scope.tenant, scope.user, completion);
    if (!query.step()) return std::optional<TurnRow>{};
    return std::optional<TurnRow>(read_turn(query));
  });
}

Result<std::vector<TurnRow>> SqliteConversationStore::turns(const Scope& scope,
                                                            const ConversationId& conversation) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<TurnRow>> {
    std::vector<TurnRow> turns;
    Query query = session.query(
        "SELECT conversation, turn, role, text, at, rating, decision, completion, content_hash, "
        "prefix_hash FROM turns WHERE tenant = ? AND user = ? AND conversation = ? ORDER BY turn");
    query.bind(scope.tenant, scope.user, conversation);
    while (query.step()) turns.push_back(read_turn(query));
    return turns;
  });
}

Result<std::vector<TurnRow>> SqliteConversationStore::recent_turns(const Scope& scope,
                                                                   std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<TurnRow>> {
    std::vector<TurnRow> turns;
    Query query = session.query(
        "SELECT conversation, turn, role, text, at, rating, decision, completion, content_hash, "
        "prefix_hash FROM turns JOIN conversations USING (tenant, user, conversation) "
        "WHERE tenant = ? AND user = ? AND turn >= fork_turns "
        "ORDER BY at DESC, conversation DESC, turn DESC LIMIT ?");
    query.bind(scope.tenant, scope.user, limit);
    while (query.step()) turns.push_back(read_turn(query));
    std::reverse(turns.begin(), turns.end());
    return turns;
  });
}

Result<std::vector<ConversationRow>> SqliteConversationStore::list(const Scope& scope,
                                                                   std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<ConversationRow>> {
    std::vector<ConversationRow> rows;
    Query query = session.query(
        "SELECT conversation, created_at, updated_at, num_turns, forked_from, fork_turns "
        "FROM conversations WHERE tenant = ? AND user = ? "
        "ORDER BY updated_at DESC, conversation LIMIT ?");
    query.bind(scope.tenant, scope.user, limit);
    while (query.step()) rows.push_back(read_conversation(query));
    return rows;
  });
}

Status SqliteConversationStore::set_rating(const Scope& scope, const TurnRef& turn, double rating) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  if (!std::isfinite(rating)) {
    return Error{ErrorCode::kInvalidArgument, "turn rating must be finite"};
  }
  return database_.write([&](Session& session) -> Status {
    const int changed = session
                            .query(
                                "UPDATE turns SET rating = ? "
                                "WHERE tenant = ? AND user = ? AND conversation = ? AND turn = ?")
                            .bind(rating, scope.tenant, scope.user, turn.conversation, turn.index)
                            .run();
    if (changed == 0) return Error{ErrorCode::kNotFound, "there is no such turn"};
    return {};
  });
}

}  // namespace kith::storage::sqlite
