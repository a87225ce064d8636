#include "kith/server/auth.h"

#include <algorithm>

#include "kith/storage/api_key.h"

namespace kith::server {
namespace {

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Takes as long for a wrong first byte as for a wrong last one.
bool equals_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto left = static_cast<unsigned char>(a[i]);
    const auto right = static_cast<unsigned char>(b[i]);
    difference |= static_cast<unsigned>(left) ^ static_cast<unsigned>(right);
  }
  return difference == 0;
}

// "127.0.0.1:7717" gives "127.0.0.1", "[::1]:7717" gives "[::1]".
std::string_view host_name(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return has_port ? host.substr(0, colon) : host;
}

constexpr const char* kThisMachine = "this machine";

// A name that another site has pointed at this machine is not one of ours.
bool is_loopback_name(std::string_view name) {
  const bool is_ipv4 = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return name == "localhost" || name == "[::1]" || (is_ipv4 && name.starts_with("127."));
}

}  // namespace

std::string_view bearer_token(const HttpRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = request.header("authorization");
  if (value.size() < kScheme.size()) return {};
  const bool is_bearer = std::equal(kScheme.begin(), kScheme.end(), value.begin(),
                                    [](char a, char b) { return a == to_lower(b); });
  if (!is_bearer) return {};
  value.remove_prefix(kScheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

Authenticator::Authenticator(storage::KeyStore& keys, AuthOptions options)
    : keys_(keys), options_(std::move(options)) {}

Result<bool> Authenticator::has_keys() const { return keys_.has_any(); }

api::Outcome<Principal> Authenticator::authenticate(const HttpRequest& request) const {
  const std::string_view token = bearer_token(request);
  const TenantId default_tenant{storage::kDefaultTenant};
  if (!options_.local_token.empty() && equals_secret(token, options_.local_token)) {
    return Principal{storage::KeyRole::kOperator, default_tenant, {}, true, kThisMachine};
  }
  if (!token.empty()) {
    const auto key = storage::authenticate(keys_, token);
    if (!key) return api::to_api_error(key.error());
    if (*key) {
      const std::string& label = (*key)->label;
      return Principal{(*key)->role, (*key)->tenant, (*key)->user, false,
                       label.empty() ? (*key)->id : label};
    }
  }
  const auto any_key = has_keys();
  if (!any_key) return api::to_api_error(any_key.error());
  if (*any_key || !options_.is_loopback || !request.is_peer_loopback) {
    return api::unauthorized(token.empty() ? "an API key is required: Authorization: Bearer <key>"
                                           : "the API key is not valid");
  }
  return admit_local(request);
}

api::Outcome<Principal> Authenticator::admit_local(const HttpRequest& request) const {
  if (!is_loopback_name(host_name(request.header("host")))) {
    return api::forbidden("without API keys the host must be localhost or a loopback address");
  }
  if (!request.header("x-forwarded-for").empty() || !request.header("forwarded").empty()) {
    return api::forbidden("without API keys requests through a proxy are refused: make a key");
  }
  const std::string_view origin = request.header("origin");
  const bool is_own = origin.empty() || origin == "http://" + std::string(request.header("host"));
  const bool is_listed = std::find(options_.cors_origins.begin(), options_.cors_origins.end(),
                                   origin) != options_.cors_origins.end();
  if (!is_own && !is_listed) {
    return api::forbidden("pages of another origin are refused: list it in cors_origins");
  }
  return Principal{
      storage::KeyRole::kOperator, TenantId{storage::kDefaultTenant}, {}, true, kThisMachine};
}

}  // namespace kith::server
