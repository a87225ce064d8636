// FleetStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/fleet_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// Borrows the database, which must outlive it.
class SqliteFleetStore final : public FleetStore {
 public:
  explicit SqliteFleetStore(Database& database) : database_(database) {}
  Result<FleetFigures> figures(const TenantScope& scope, const FleetQuery& query) override;
  Result<bool> note(const Scope& scope, const PersonaId& persona, base::UnixMicros at) override;
  Result<std::vector<UserRow>> list_unnoted(const TenantScope& scope, const UserId& after,
                                            std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
