#include "kith/profile/consent.h"

#include <string>

#include "kith/base/log.h"

namespace kith::profile {

bool is_allowed(storage::ConsentStore& consents, const storage::Scope& scope,
                std::string_view purpose) {
  const auto allowed = consents.allows(scope, purpose);
  if (!allowed) {
    base::log_warn("consent cannot be read, taken as refused: " + allowed.error().message);
    return false;
  }
  return *allowed;
}

}  // namespace kith::profile
