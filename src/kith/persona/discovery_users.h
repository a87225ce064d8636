// Reads the users that discovery may look at: those who refused neither to be personalised nor to
// be learned from. Consent is asked here, at each use; nothing of the others is read.
#pragma once

#include <functional>

#include "kith/persona/user_block.h"
#include "kith/storage/store_set.h"

namespace kith::persona {

struct VisitCounts {
  std::size_t visited = 0;
  std::size_t without_consent = 0;
};

// Calls `visit` for each user of the tenant, in the order of their ids, with at most `max_messages`
// of his latest messages.
// Errors: those of the stores and of `visit`.
Result<VisitCounts> visit_discovery_users(storage::StoreSet& stores,
                                          const storage::TenantScope& scope,
                                          std::size_t max_messages,
                                          const std::function<Status(const DiscoveryUser&)>& visit);

}  // namespace kith::persona
