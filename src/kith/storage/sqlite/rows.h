// What the SQLite stores share: the user row that every user-scoped row hangs on. Internal to
// storage/sqlite.
#pragma once

#include "kith/base/clock.h"
#include "kith/storage/scope.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// Creates the user if it is unknown: whoever writes to us exists. True if it was created.
bool ensure_user(Session& session, const Scope& scope, base::UnixMicros at);

}  // namespace kith::storage::sqlite
