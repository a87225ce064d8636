// Erasing a user, with a receipt.
#pragma once

#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/store_set.h"

namespace kith::profile {

// Removes everything about the user from the stores and reads back that nothing is left. Erasing an
// unknown user succeeds with a receipt of zero rows.
// Errors: kInternal if something is left (which would be a defect of the backend); those of the
// stores,
//   after which the erasure should be repeated.
Result<storage::EraseReceipt> erase_user(storage::StoreSet& stores, const storage::Scope& scope,
                                         const base::Clock& clock);

// {"erased_at": ISO 8601, "rows": {table: count}, "total": n}, one line.
std::string to_json(const storage::EraseReceipt& receipt);

}  // namespace kith::profile
