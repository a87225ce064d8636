// Port for API keys: only hashes are stored. A key reads "kith-<id>-<secret>"; see api_key.h for
// making and checking one.
// Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::storage {

enum class KeyRole : std::uint8_t { kEndUser, kOperator };

struct ApiKeyRow {
  std::string id;           // public part
  std::string secret_hash;  // hexadecimal, see api_key.h
  KeyRole role = KeyRole::kEndUser;
  TenantId tenant;
  UserId user;        // the key acts for this user alone; empty: for whom the request names
  std::string label;  // for people
  base::UnixMicros created_at = 0;
  std::optional<base::UnixMicros> revoked_at;

  friend bool operator==(const ApiKeyRow&, const ApiKeyRow&) = default;
};

class KeyStore {
 public:
  virtual ~KeyStore() = default;

  // Errors: kConflict if the id is taken.
  virtual Status add(const ApiKeyRow& key) = 0;
  // Also returns revoked keys. Over all tenants, since the key is what names the tenant.
  virtual Result<std::optional<ApiKeyRow>> find(const std::string& id) = 0;
  // Whether there is a key, revoked ones included, of any tenant.
  virtual Result<bool> has_any() = 0;
  // In order of id.
  virtual Result<std::vector<ApiKeyRow>> list(const TenantScope& scope) = 0;
  // False if there is no such key, or it was revoked before.
  virtual Result<bool> revoke(const TenantScope& scope, const std::string& id,
                              base::UnixMicros at) = 0;
};

}  // namespace kith::storage
