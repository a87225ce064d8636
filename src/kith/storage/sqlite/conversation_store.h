// ConversationStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/conversation_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// Borrows the database, which must outlive it.
class SqliteConversationStore final : public ConversationStore {
 public:
  explicit SqliteConversationStore(Database& database) : database_(database) {}
  Result<int> append(const Scope& scope, const ConversationId& conversation, int first_index,
                     std::span<const NewTurn> turns) override;
  Status fork(const Scope& scope, const ConversationId& from, int num_turns,
              const ConversationId& to, base::UnixMicros at) override;
  Result<std::optional<ConversationRow>> find(const Scope& scope,
                                              const ConversationId& conversation) override;
  Result<std::vector<TurnRef>> find_prefix(const Scope& scope,
                                           const std::string& prefix_hash) override;
  Result<std::optional<TurnRow>> find_completion(const Scope& scope,
                                                 const std::string& completion) override;
  Result<std::vector<TurnRow>> turns(const Scope& scope,
                                     const ConversationId& conversation) override;
  Result<std::vector<TurnRow>> recent_turns(const Scope& scope, std::size_t limit) override;
  Result<std::vector<ConversationRow>> list(const Scope& scope, std::size_t limit) override;
  Status set_rating(const Scope& scope, const TurnRef& turn, double rating) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
