#include "kith/storage/sqlite/embedding_store.h"

#include <bit>
#include <cstring>

namespace kith::storage::sqlite {
namespace {

static_assert(std::endian::native == std::endian::little,
              "floats are stored as they lie in memory");

// Of the row `e`.
#define KITH_EMBEDDING_COLUMNS                                                                 \
  "e.version, e.num_events, e.head_events, e.revision, e.last_at, e.last_arrival, e.made_at, " \
  "e.num_latents, e.vector, e.latents"

// Whether `user` refuses that Kith learns from him, of a row `t` or `e`.
#define KITH_REFUSES(row)                                                              \
  "EXISTS (SELECT 1 FROM consents c WHERE c.tenant = " row ".tenant AND c.user = " row \
  ".user "                                                                             \
  "AND c.purpose = 'learn' AND c.granted = 0)"

std::vector<float> to_floats(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

Blob to_blob(const std::vector<float>& values) {
  return {values.data(), values.size() * sizeof(float)};
}

// Columns from `first` on.
EmbeddingRow read_row(const Query& query, int first) {
  EmbeddingRow row;
  row.version = query.text(first);
  row.num_events = query.integer(first + 1);
  row.head = {query.integer(first + 2),
              query.integer(first + 3),
              {query.integer(first + 4), query.integer(first + 5)}};
  row.made_at = query.integer(first + 6);
  row.num_latents = static_cast<int>(query.integer(first + 7));
  row.vector = to_floats(query.text(first + 8));
  row.latents = to_floats(query.text(first + 9));
  return row;
}

bool may_be_embedded(Session& session, const Scope& scope) {
  Query query = session.query(
      "SELECT 1 FROM timelines t WHERE t.tenant = ? AND t.user = ? AND NOT " KITH_REFUSES("t"));
  query.bind(scope.tenant, scope.user);
  return query.step();
}

}  // namespace

Result<bool> SqliteEmbeddingStore::put(const Scope& scope, const EmbeddingRow& row) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_embedding(row));
  return database_.write([&](Session& session) -> Result<bool> {
    if (!may_be_embedded(session, scope)) return false;
    session
        .query("INSERT OR REPLACE INTO user_embeddings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(scope.tenant, scope.user, row.version, row.num_events, row.head.num_events,
              row.head.revision, row.head.last.at, row.head.last.arrival, row.made_at,
              row.num_latents, to_blob(row.vector), to_blob(row.latents))
        .run();
    return true;
  });
}

Result<std::optional<EmbeddingRow>> SqliteEmbeddingStore::find(const Scope& scope,
                                                               const std::string& version) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<EmbeddingRow>> {
    Query query = session.query("SELECT " KITH_EMBEDDING_COLUMNS
                                " FROM user_embeddings e WHERE e.tenant = ? AND e.user = ? "
                                "AND e.version = ?");
    query.bind(scope.tenant, scope.user, version);
    if (!query.step()) return std::optional<EmbeddingRow>{};
    return std::optional<EmbeddingRow>(read_row(query, 0));
  });
}

Result<std::vector<EmbeddingRow>> SqliteEmbeddingStore::list(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<EmbeddingRow>> {
    std::vector<EmbeddingRow> rows;
    Query query = session.query("SELECT " KITH_EMBEDDING_COLUMNS
                                " FROM user_embeddings e WHERE e.tenant = ? AND e.user = ? "
                                "ORDER BY e.version");
    query.bind(scope.tenant, scope.user);
    while (query.step()) rows.push_back(read_row(query, 0));
    return rows;
  });
}

Result<std::vector<EmbeddedUser>> SqliteEmbeddingStore::page(const TenantScope& scope,
                                                             const std::string& version,
                                                             const UserId& after,
                                                             std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<EmbeddedUser>> {
    std::vector<EmbeddedUser> users;
    Query query = session.query(
        "SELECT e.user, coalesce((SELECT p.to_persona FROM persona_changes p WHERE "
        "p.tenant = e.tenant AND p.user = e.user ORDER BY p.change DESC LIMIT 1), "
        "''), " KITH_EMBEDDING_COLUMNS
        " FROM user_embeddings e WHERE e.tenant = ? AND e.version = ? AND e.user > ? "
        "AND NOT " KITH_REFUSES("e") " ORDER BY e.user LIMIT ?");
    query.bind(scope.tenant, version, after, limit);
    while (query.step()) {
      users.push_back({UserId(query.text(0)), PersonaId(query.text(1)), read_row(query, 2)});
    }
    return users;
  });
}

Result<std::vector<UserId>> SqliteEmbeddingStore::stale(const TenantScope& scope,
                                                        const std::string& version,
                                                        const UserId& after, std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<UserId>> {
    std::vector<UserId> users;
    Query query = session.query(
        "SELECT t.user FROM timelines t LEFT JOIN user_embeddings e ON e.tenant = t.tenant AND "
        "e.user = t.user AND e.version = ?2 WHERE t.tenant = ?1 AND t.user > ?3 AND "
        "(e.user IS NULL OR (e.head_events, e.revision) IS NOT (t.num_events, t.revision)) "
        "AND NOT " KITH_REFUSES("t") " ORDER BY t.user LIMIT ?4");
    query.bind(scope.tenant, version, after, limit);
    while (query.step()) users.emplace_back(query.text(0));
    return users;
  });
}

Result<EmbeddingCoverage> SqliteEmbeddingStore::coverage(const TenantScope& scope,
                                                         const std::string& version) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<EmbeddingCoverage> {
    Query query = session.query(
        "SELECT count(*), count(e.user), coalesce(sum((e.head_events, e.revision) = "
        "(t.num_events, t.revision)), 0) FROM timelines t LEFT JOIN user_embeddings e ON "
        "e.tenant = t.tenant AND e.user = t.user AND e.version = ?2 "
        "WHERE t.tenant = ?1 AND NOT " KITH_REFUSES("t"));
    query.bind(scope.tenant, version);
    if (!query.step()) return EmbeddingCoverage{};
    return EmbeddingCoverage{query.integer(0), query.integer(1), query.integer(2)};
  });
}

Result<std::map<std::string, std::int64_t>> SqliteEmbeddingStore::versions(
    const TenantScope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::map<std::string, std::int64_t>> {
    std::map<std::string, std::int64_t> counts;
    Query query = session.query(
        "SELECT version, count(*) FROM user_embeddings WHERE tenant = ? GROUP BY version");
    query.bind(scope.tenant);
    while (query.step()) counts.emplace(query.text(0), query.integer(1));
    return counts;
  });
}

Result<std::vector<TenantId>> SqliteEmbeddingStore::tenants() {
  return database_.read([&](Session& session) -> Result<std::vector<TenantId>> {
    std::vector<TenantId> tenants;
    // From one to the next, as the table may have many rows of each.
    std::string last;
    while (true) {
      Query query =
          session.query("SELECT tenant FROM timelines WHERE tenant > ? ORDER BY tenant LIMIT 1");
      query.bind(last);
      if (!query.step()) return tenants;
      last = query.text(0);
      tenants.emplace_back(last);
    }
  });
}

Result<std::int64_t> SqliteEmbeddingStore::remove_others(const TenantScope& scope,
                                                         const std::string& version,
                                                         std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.write([&](Session& session) -> Result<std::int64_t> {
    return session
        .query(
            "DELETE FROM user_embeddings WHERE rowid IN (SELECT rowid FROM user_embeddings WHERE "
            "tenant = ? AND version <> ? LIMIT ?)")
        .bind(scope.tenant, version, limit)
        .run();
  });
}

Result<std::int64_t> SqliteEmbeddingStore::remove_refused(const TenantScope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.write([&](Session& session) -> Result<std::int64_t> {
    return session
        .query(
            "DELETE FROM user_embeddings WHERE tenant = ?1 AND user IN (SELECT c.user FROM "
            "consents c WHERE c.tenant = ?1 AND c.purpose = 'learn' AND c.granted = 0)")
        .bind(scope.tenant)
        .run();
  });
}

}  // namespace kith::storage::sqlite
