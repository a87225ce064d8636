// Who calls: the key that a request shows, and what it may do.
#pragma once

#include <string>
#include <vector>

#include "kith/api/error.h"
#include "kith/base/ids.h"
#include "kith/server/http.h"
#include "kith/storage/key_store.h"

namespace kith::server {

struct Principal {
  storage::KeyRole role = storage::KeyRole::kEndUser;
  TenantId tenant;
  // The only user that the caller may act for; empty: whom the request names.
  UserId user;
  // Whether the request may name another tenant: not with a stored key.
  bool may_choose_tenant = false;
  // For records of who did what: the key's label, or its id; "this machine" for local callers.
  std::string name;

  bool is_operator() const { return role == storage::KeyRole::kOperator; }
};

struct AuthOptions {
  // Whether the server listens on a loopback address only.
  bool is_loopback = true;
  std::string local_token;
  std::vector<std::string> cors_origins;
};

// Thread-safe. Borrows the key store.
class Authenticator {
 public:
  Authenticator(storage::KeyStore& keys, AuthOptions options);

  // Without any key in the store, a caller on the loopback interface is an operator; but not a page
  // of a foreign origin in this machine's browser, nor somebody behind a proxy.
  // Errors: 401, 403, 503.
  api::Outcome<Principal> authenticate(const HttpRequest& request) const;

  // Whether a key was ever stored. Errors: those of the store.
  Result<bool> has_keys() const;

 private:
  api::Outcome<Principal> admit_local(const HttpRequest& request) const;

  storage::KeyStore& keys_;
  const AuthOptions options_;
};

// The token of "Authorization: Bearer <token>"; empty if there is none.
std::string_view bearer_token(const HttpRequest& request);

}  // namespace kith::server
