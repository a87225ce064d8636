#include "kith/server/identity.h"

#include <algorithm>

#include "kith/api/field_reader.h"

namespace kith::server {
namespace {

api::ApiError foreign_user(std::string param) {
  return api::forbidden("the API key acts for another user", std::move(param));
}

api::ApiError bad_name(const std::string& param) {
  return api::bad_request(param + " must be 1 to 256 bytes of UTF-8 without control characters",
                          param);
}

}  // namespace

bool is_trusted_peer(const HttpRequest& request, const std::vector<std::string>& trusted_peers) {
  return std::find(trusted_peers.begin(), trusted_peers.end(), request.peer) != trusted_peers.end();
}

api::Outcome<TenantId> resolve_tenant(const HttpRequest& request, const Principal& principal,
                                      const std::string& body_tenant) {
  const std::string_view header = request.header("x-kith-tenant");
  const std::string name = header.empty() ? body_tenant : std::string(header);
  const std::string param = header.empty() ? "kith.tenant" : "X-Kith-Tenant";
  if (name.empty() || name == principal.tenant.str()) return principal.tenant;
  if (!api::is_valid_id(name)) return bad_name(param);
  if (!principal.may_choose_tenant) {
    return api::forbidden("the API key belongs to another tenant", param);
  }
  return TenantId{name};
}

api::Outcome<storage::Scope> resolve_scope(const HttpRequest& request, const Principal& principal,
                                           const NamedUser& named,
                                           const std::vector<std::string>& trusted_peers) {
  auto tenant = resolve_tenant(request, principal, named.tenant);
  if (!tenant) return std::move(tenant).error();
  const std::string own_header(request.header("x-kith-user"));
  const std::string forwarded(is_trusted_peer(request, trusted_peers)
                                  ? request.header("x-openwebui-user-id")
                                  : std::string_view());
  struct Source {
    const char* param;
    const std::string& name;
    bool is_binding;
  };
  const Source sources[] = {{"X-Kith-User", own_header, true},
                            {"X-OpenWebUI-User-Id", forwarded, false},
                            {"kith.user", named.kith_user, true},
                            {"user", named.user, true},
                            {"metadata.user_id", named.metadata_user_id, false},
                            {"safety_identifier", named.safety_identifier, false}};
  const Source* chosen = nullptr;
  for (const Source& source : sources) {
    if (source.name.empty()) continue;
    if (!api::is_valid_id(source.name)) return bad_name(source.param);
    if (!principal.user.empty() && source.is_binding && source.name != principal.user.str()) {
      return foreign_user(source.param);
    }
    if (chosen == nullptr) chosen = &source;
  }
  if (!principal.user.empty()) return storage::Scope{*tenant, principal.user};
  return storage::Scope{*tenant, chosen == nullptr ? UserId() : UserId(chosen->name)};
}

api::Outcome<storage::Scope> scope_of_user(const HttpRequest& request, const Principal& principal,
                                           const std::string& id) {
  if (!api::is_valid_id(id)) return bad_name("user id");
  if (!principal.user.empty() && principal.user.str() != id) return foreign_user("user id");
  auto tenant = resolve_tenant(request, principal);
  if (!tenant) return std::move(tenant).error();
  return storage::Scope{*tenant, UserId(id)};
}

}  // namespace kith::server
