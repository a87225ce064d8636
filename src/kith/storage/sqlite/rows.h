// What the SQLite stores share: the user row that every user-scoped row hangs on, and changes of
// persona. Internal to storage/sqlite.
#pragma once

#include "kith/base/clock.h"
#include "kith/storage/scope.h"
#include "kith/storage/sqlite/database.h"
#include "kith/storage/user_store.h"

namespace kith::storage::sqlite {

// Creates the user if it is unknown: whoever writes to us exists. True if it was created.
bool ensure_user(Session& session, const Scope& scope, base::UnixMicros at);

// Into the row's attributes and their times.
void read_attributes(Session& session, const TenantScope& scope, UserRow& row);

// The persona that the user has now. True if he had another one.
bool note_change(Session& session, const Scope& scope, const PersonaId& to, base::UnixMicros at);

}  // namespace kith::storage::sqlite
