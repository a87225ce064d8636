#include "kith/profile/erase.h"

#include "kith/base/json.h"

namespace kith::profile {

Result<storage::EraseReceipt> erase_user(storage::StoreSet& stores, const storage::Scope& scope,
                                         const base::Clock& clock) {
  KITH_ASSIGN_OR_RETURN(storage::EraseReceipt receipt, stores.users().erase(scope, clock.now()));
  KITH_ASSIGN_OR_RETURN(const auto user, stores.users().find(scope));
  KITH_ASSIGN_OR_RETURN(const auto turns, stores.conversations().recent_turns(scope, 1));
  KITH_ASSIGN_OR_RETURN(const auto decisions, stores.decisions().list(scope, 1));
  KITH_ASSIGN_OR_RETURN(const auto feedback, stores.feedback().list(scope, 1));
  KITH_ASSIGN_OR_RETURN(const auto events, stores.events().list(scope, {}, 1));
  KITH_ASSIGN_OR_RETURN(const auto timeline, stores.timelines().newest(scope, {}, 1));
  KITH_ASSIGN_OR_RETURN(const auto embeddings, stores.embeddings().list(scope));
  if (!embeddings.empty() || !events.empty() || !timeline.empty() || user || !turns.empty() ||
      !decisions.empty() || !feedback.empty()) {
    return Error{ErrorCode::kInternal, "rows of the erased user are left"};
  }
  return receipt;
}

std::string to_json(const storage::EraseReceipt& receipt) {
  const base::OrderedJson json{{"erased_at", base::to_iso8601(receipt.at)},
                               {"rows", receipt.rows},
                               {"total", receipt.total()}};
  return base::dump_json(json);
}

}  // namespace kith::profile
