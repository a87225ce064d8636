// TimelineStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/sqlite/database.h"
#include "kith/storage/timeline_store.h"

namespace kith::storage::sqlite {

// Borrows the database, which must outlive it.
class SqliteTimelineStore final : public TimelineStore {
 public:
  explicit SqliteTimelineStore(Database& database) : database_(database) {}
  Result<std::vector<WriteOutcome>> add(const TenantScope& scope,
                                        std::span<const UserEvent> events) override;
  Result<std::optional<TimelineHead>> head(const Scope& scope) override;
  Result<std::vector<PlacedEvent>> after(const Scope& scope, const TimelinePosition& position,
                                         std::size_t limit) override;
  Result<std::vector<PlacedEvent>> newest(const Scope& scope,
                                          std::optional<TimelinePosition> position,
                                          std::size_t limit) override;
  Result<std::vector<UserId>> users(const TenantScope& scope, const UserId& after,
                                    std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
