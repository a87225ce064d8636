#include "kith/storage/sqlite/knowledge_store.h"

namespace kith::storage::sqlite {
namespace {

ApiKeyRow read_key(const Query& query) {
  ApiKeyRow key;
  key.id = query.text(0);
  key.secret_hash = query.text(1);
  key.role = query.integer(2) == 1 ? KeyRole::kOperator : KeyRole::kEndUser;
  key.tenant = TenantId(query.text(3));
  key.user = UserId(query.text(4));
  key.label = query.text(5);
  key.created_at = query.integer(6);
  if (!query.is_null(7)) key.revoked_at = query.integer(7);
  return key;
}

}  // namespace

Status SqliteKeyStore::add(const ApiKeyRow& key) {
  KITH_RETURN_IF_ERROR(check_scope(TenantScope{key.tenant}));
  KITH_RETURN_IF_ERROR(check_row_id(key.id, "key id"));
  return database_.write([&](Session& session) -> Status {
    const int added =
        session.query("INSERT OR IGNORE INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(key.id, key.secret_hash, key.role == KeyRole::kOperator ? 1 : 0, key.tenant,
                  key.user, key.label, key.created_at, key.revoked_at)
            .run();
    if (added == 0) return Error{ErrorCode::kConflict, "the key id is taken"};
    return {};
  });
}

Result<std::optional<ApiKeyRow>> SqliteKeyStore::find(const std::string& id) {
  return database_.read([&](Session& session) -> Result<std::optional<ApiKeyRow>> {
    Query query = session.query(
        "SELECT id, secret_hash, role, tenant, user, label, created_at, revoked_at FROM api_keys "
        "WHERE id = ?");
    query.bind(id);
    if (!query.step()) return std::optional<ApiKeyRow>{};
    return std::optional<ApiKeyRow>(read_key(query));
  });
}

Result<bool> SqliteKeyStore::has_any() {
  return database_.read([](Session& session) -> Result<bool> {
    return session.query("SELECT 1 FROM api_keys LIMIT 1").step();
  });
}

Result<std::vector<ApiKeyRow>> SqliteKeyStore::list(const TenantScope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<ApiKeyRow>> {
    std::vector<ApiKeyRow> keys;
    Query query = session.query(
        "SELECT id, secret_hash, role, tenant, user, label, created_at, revoked_at FROM api_keys "
        "WHERE tenant = ? ORDER BY id");
    query.bind(scope.tenant);
    while (query.step()) keys.push_back(read_key(query));
    return keys;
  });
}

Result<bool> SqliteKeyStore::revoke(const TenantScope& scope, const std::string& id,
                                    base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.write([&](Session& session) -> Result<bool> {
    return session
               .query(
                   "UPDATE api_keys SET revoked_at = ? "
                   "WHERE id = ? AND tenant = ? AND revoked_at IS NULL")
               .bind(at, id, scope.tenant)
               .run() > 0;
  });
}

}  // namespace kith::storage::sqlite
