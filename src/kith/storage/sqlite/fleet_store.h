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

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
