#include "kith/storage/api_key.h"

#include <sodium.h>

#include <array>

namespace kith::storage {
namespace {

constexpr std::string_view kPrefix = "kith-";
constexpr std::size_t kIdBytes = 6;
constexpr std::size_t kSecretBytes = 32;

std::string to_hex(const unsigned char* bytes, std::size_t size) {
  std::string text(2 * size + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes, size);
  text.pop_back();
  return text;
}

std::string hash_secret(std::string_view secret) {
  std::array<unsigned char, 32> digest{};
  crypto_generichash(digest.data(), digest.size(),
                     reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), nullptr,
                     0);
  return to_hex(digest.data(), digest.size());
}

template <std::size_t kSize>
std::string random_hex() {
  std::array<unsigned char, kSize> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::string text = to_hex(bytes.data(), bytes.size());
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

}  // namespace

Result<NewApiKey> make_api_key(KeyRole role, const TenantId& tenant, const UserId& user,
                               const std::string& label, base::UnixMicros at) {
  if (sodium_init() < 0) return Error{ErrorCode::kUnavailable, "libsodium failed to start"};
  NewApiKey key;
  const std::string secret = random_hex<kSecretBytes>();
  key.row.id = random_hex<kIdBytes>();
  key.row.secret_hash = hash_secret(secret);
  key.row.role = role;
  key.row.tenant = tenant;
  key.row.user = user;
  key.row.label = label;
  key.row.created_at = at;
  key.text = std::string(kPrefix) + key.row.id + "-" + secret;
  return key;
}

Result<std::optional<ApiKeyRow>> authenticate(KeyStore& keys, std::string_view text) {
  const std::optional<ApiKeyRow> refused;
  constexpr std::size_t kLength = kPrefix.size() + 2 * kIdBytes + 1 + 2 * kSecretBytes;
  if (text.size() != kLength || !text.starts_with(kPrefix)) return refused;
  text.remove_prefix(kPrefix.size());
  const std::string id(text.substr(0, 2 * kIdBytes));
  if (text[2 * kIdBytes] != '-') return refused;
  const std::string hash = hash_secret(text.substr(2 * kIdBytes + 1));

  if (!check_row_id(id, "key id")) return refused;
  KITH_ASSIGN_OR_RETURN(std::optional<ApiKeyRow> row, keys.find(id));
  if (!row || row->revoked_at || row->secret_hash.size() != hash.size()) return refused;
  if (sodium_memcmp(row->secret_hash.data(), hash.data(), hash.size()) != 0) return refused;
  return row;
}

}  // namespace kith::storage
