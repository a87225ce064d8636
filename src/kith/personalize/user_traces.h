// What the stores tell of users whose persona is known, as assignment is fitted and measured on it
// (persona/assignment_training.h).
//
// What a request would have made of a stored message is made of it here: the hour at which it came,
// and the document that was cited, which for a message without a decision (an imported one) is the
// one that a search finds now.
#pragma once

#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/memory/knowledge.h"
#include "kith/persona/members.h"
#include "kith/persona/user_trace.h"
#include "kith/storage/store_set.h"

namespace kith::personalize {

// In the order of `members`. Members whom the stores do not know are left out, and so are those who
// do not consent to personalisation and learning.
// Errors: those of the stores.
Result<std::vector<persona::UserTrace>> read_user_traces(storage::StoreSet& stores,
                                                         memory::Knowledge& knowledge,
                                                         const storage::TenantScope& scope,
                                                         std::span<const persona::Member> members);

}  // namespace kith::personalize
