#include "kith/persona/discovery_users.h"

namespace kith::persona {
namespace {

constexpr std::size_t kPage = 500;

Result<bool> has_consent(storage::StoreSet& stores, const storage::Scope& scope) {
  KITH_ASSIGN_OR_RETURN(const auto rows, stores.consents().list(scope));
  return storage::is_allowed(rows, storage::kConsentPersonalize) &&
         storage::is_allowed(rows, storage::kConsentLearn);
}

Result<DiscoveryUser> read_user(storage::StoreSet& stores, const storage::Scope& scope,
                                const storage::UserRow& row, std::size_t max_messages) {
  DiscoveryUser user{.id = row.id, .attributes = row.attributes, .messages = {}};
  if (max_messages == 0) return user;
  // About every other turn is an answer.
  KITH_ASSIGN_OR_RETURN(auto turns, stores.conversations().recent_turns(scope, 2 * max_messages));
  for (storage::TurnRow& turn : turns) {
    if (turn.role == "user") user.messages.push_back(std::move(turn.text));
  }
  if (user.messages.size() > max_messages) {
    const auto surplus = static_cast<std::ptrdiff_t>(user.messages.size() - max_messages);
    user.messages.erase(user.messages.begin(), user.messages.begin() + surplus);
  }
  return user;
}

}  // namespace

Result<VisitCounts> visit_discovery_users(
    storage::StoreSet& stores, const storage::TenantScope& scope, std::size_t max_messages,
    const std::function<Status(const DiscoveryUser&)>& visit) {
  VisitCounts counts;
  for (UserId after;;) {
    KITH_ASSIGN_OR_RETURN(const auto users, stores.users().list(scope, after, kPage));
    for (const storage::UserRow& row : users) {
      const storage::Scope own{scope.tenant, row.id};
      KITH_ASSIGN_OR_RETURN(const bool allowed, has_consent(stores, own));
      if (!allowed) {
        ++counts.without_consent;
        continue;
      }
      KITH_ASSIGN_OR_RETURN(const auto user, read_user(stores, own, row, max_messages));
      KITH_RETURN_IF_ERROR(visit(user));
      ++counts.visited;
    }
    if (users.size() < kPage) return counts;
    after = users.back().id;
  }
}

}  // namespace kith::persona
