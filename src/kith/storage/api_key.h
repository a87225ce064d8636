// API keys: making, hashing and checking. The secret is 256 random bits, so a fast hash
// (BLAKE2b-256, libsodium's generic hash) suffices; hashes are compared in constant time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kith/storage/key_store.h"

namespace kith::storage {

struct NewApiKey {
  std::string text;  // "kith-<id>-<secret>": shown once, never stored or logged
  ApiKeyRow row;
};

// Makes a key of the given role; `user` may be empty. Thread-safe.
// Errors: kUnavailable if the random source or libsodium fails to start.
Result<NewApiKey> make_api_key(KeyRole role, const TenantId& tenant, const UserId& user,
                               const std::string& label, base::UnixMicros at);

// The stored key that `text` proves, or none if it is malformed, unknown, wrong or revoked.
// Errors: those of the store.
Result<std::optional<ApiKeyRow>> authenticate(KeyStore& keys, std::string_view text);

}  // namespace kith::storage
