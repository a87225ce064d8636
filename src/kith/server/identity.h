// For whom a call is made. The order: X-Kith-User; X-OpenWebUI-User-Id from a trusted peer;
// kith.user; user; metadata.user_id; safety_identifier; the key's owner; else nobody.
#pragma once

#include <string>
#include <vector>

#include "kith/api/error.h"
#include "kith/server/auth.h"
#include "kith/server/http.h"
#include "kith/storage/scope.h"

namespace kith::server {

// Names from a request's body, each empty if absent.
struct NamedUser {
  std::string tenant;     // kith.tenant
  std::string kith_user;  // kith.user
  std::string user;
  std::string metadata_user_id;
  std::string safety_identifier;
};

// The tenant that the request is about. Errors: 400; 403 if the caller's key belongs to another.
api::Outcome<TenantId> resolve_tenant(const HttpRequest& request, const Principal& principal,
                                      const std::string& body_tenant = {});

// The scope of a chat request or of feedback; its user is empty for an anonymous one. A key that
// belongs to a user always acts for that user: another one in X-Kith-User, kith.user or user is
// refused, and names that clients fill with ids of their own are passed over.
// Errors: 400 for a malformed name, 403.
api::Outcome<storage::Scope> resolve_scope(const HttpRequest& request, const Principal& principal,
                                           const NamedUser& named,
                                           const std::vector<std::string>& trusted_peers);

// The scope of a call on the resource of user `id`.
// Errors: 400 for a malformed id, 403 if the caller may not touch that user.
api::Outcome<storage::Scope> scope_of_user(const HttpRequest& request, const Principal& principal,
                                           const std::string& id);

// Whether X-OpenWebUI-* headers of this request are believed.
bool is_trusted_peer(const HttpRequest& request, const std::vector<std::string>& trusted_peers);

}  // namespace kith::server
