// Consent, read at the moment of use and never kept.
#pragma once

#include <string_view>

#include "kith/storage/user_store.h"

namespace kith::profile {

// True if the user has not refused the purpose. False also when consent cannot be read: what nobody
// could check is not done. Thread-safe.
bool is_allowed(storage::ConsentStore& consents, const storage::Scope& scope,
                std::string_view purpose);

}  // namespace kith::profile
