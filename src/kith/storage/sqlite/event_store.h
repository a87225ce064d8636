// EventStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/event_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// Borrows the database, which must outlive it.
class SqliteEventStore final : public EventStore {
 public:
  explicit SqliteEventStore(Database& database) : database_(database) {}
  Result<bool> add(const Scope& scope, const EventRow& event) override;
  Result<std::vector<EventRow>> list(const Scope& scope, std::string_view kind,
                                     std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
