// The tables, as a list of numbered migrations. PRAGMA user_version holds the number of the last
// one applied. Once released, a migration never changes.
#pragma once

#include "kith/base/result.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

inline constexpr int kSchemaVersion = 8;

// Brings the database up to kSchemaVersion, each migration in a transaction of its own.
// Errors: kConflict if the database is newer. Throws SQLite::Exception.
Status migrate(Session& session);

}  // namespace kith::storage::sqlite
