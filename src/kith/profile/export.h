// Everything that is kept about one user, as a JSON document for the user.
#pragma once

#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/store_set.h"

namespace kith::profile {

// Indented JSON in UTF-8:
//   {schema, exported_at, tenant, user, created_at, updated_at, attributes{}, consent[], persona{},
//    conversations[{..., turns[]}], decisions[], feedback[], events[], timeline[] (what the user
//    did, oldest first), embeddings[{encoder_version, made_at, num_events, last_event_at,
//    dimensions, num_latents}] (what the user encoder made of that), api_keys[], trained_into[]:
//    versions of adapters that the user's data is in, "leadership@3"}
// Times are ISO 8601. Key secrets are not part of it. Thread-safe.
// Errors: kNotFound if nothing is kept about the user; those of the stores.
Result<std::string> export_user(storage::StoreSet& stores, const storage::Scope& scope,
                                const base::Clock& clock);

}  // namespace kith::profile
