#include "kith/storage/sqlite/user_stores.h"

#include <array>

#include "kith/storage/sqlite/adapter_version_store.h"
#include "kith/storage/sqlite/rows.h"

namespace kith::storage::sqlite {
namespace {

void write_attributes(Session& session, const Scope& scope, const Attributes& attributes,
                      const UserRow& before, base::UnixMicros at) {
  session.query("DELETE FROM user_attributes WHERE tenant = ? AND user = ?")
      .bind(scope.tenant, scope.user)
      .run();
  for (const auto& [name, value] : attributes) {
    const auto known = before.attributes.find(name);
    const bool is_same = known != before.attributes.end() && known->second == value;
    session.query("INSERT INTO user_attributes VALUES (?, ?, ?, ?, ?)")
        .bind(scope.tenant, scope.user, name, value, is_same ? before.recorded_at.at(name) : at)
        .run();
  }
}

struct EraseStep {
  const char* table;
  const char* sql;
};

// Children before parents, so that each table's count is its own and not a cascade's.
constexpr std::array kEraseSteps = {
    EraseStep{"user_embeddings", "DELETE FROM user_embeddings WHERE tenant = ? AND user = ?"},
    EraseStep{"timeline_events", "DELETE FROM timeline_events WHERE tenant = ? AND user = ?"},
    EraseStep{"timelines", "DELETE FROM timelines WHERE tenant = ? AND user = ?"},
    EraseStep{"user_events", "DELETE FROM user_events WHERE tenant = ? AND user = ?"},
    EraseStep{"feedback", "DELETE FROM feedback WHERE tenant = ? AND user = ?"},
    EraseStep{"decisions", "DELETE FROM decisions WHERE tenant = ? AND user = ?"},
    EraseStep{"turns", "DELETE FROM turns WHERE tenant = ? AND user = ?"},
    EraseStep{"conversations", "DELETE FROM conversations WHERE tenant = ? AND user = ?"},
    EraseStep{"persona_weights", "DELETE FROM persona_weights WHERE tenant = ? AND user = ?"},
    EraseStep{"persona_changes", "DELETE FROM persona_changes WHERE tenant = ? AND user = ?"},
    EraseStep{"persona_assignments",
              "DELETE FROM persona_assignments WHERE tenant = ? AND user = ?"},
    EraseStep{"consents", "DELETE FROM consents WHERE tenant = ? AND user = ?"},
    EraseStep{"user_attributes", "DELETE FROM user_attributes WHERE tenant = ? AND user = ?"},
    EraseStep{"adapter_contributors",
              "DELETE FROM adapter_contributors WHERE tenant = ? AND user = ?"},
    EraseStep{"api_keys", "DELETE FROM api_keys WHERE tenant = ? AND user = ?"},
    EraseStep{"users", "DELETE FROM users WHERE tenant = ? AND user = ?"},
};

}  // namespace

void read_attributes(Session& session, const TenantScope& scope, UserRow& row) {
  Query query = session.query(
      "SELECT name, value, recorded_at FROM user_attributes WHERE tenant = ? AND user = ?");
  query.bind(scope.tenant, row.id);
  while (query.step()) {
    row.attributes.emplace(query.text(0), query.text(1));
    row.recorded_at.emplace(query.text(0), query.integer(2));
  }
}

bool note_change(Session& session, const Scope& scope, const PersonaId& to, base::UnixMicros at) {
  std::string from;
  {
    Query query = session.query(
        "SELECT to_persona FROM persona_changes WHERE tenant = ? AND user = ? "
        "ORDER BY change DESC LIMIT 1");
    query.bind(scope.tenant, scope.user);
    if (query.step()) from = query.text(0);
  }
  if (from == to.str()) return false;
  session
      .query(
          "INSERT INTO persona_changes SELECT ?1, ?2, coalesce(max(change), 0) + 1, ?3, ?4, ?5 "
          "FROM persona_changes WHERE tenant = ?1 AND user = ?2")
      .bind(scope.tenant, scope.user, at, from, to)
      .run();
  return true;
}

bool ensure_user(Session& session, const Scope& scope, base::UnixMicros at) {
  return session.query("INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?)")
             .bind(scope.tenant, scope.user, at, at)
             .run() > 0;
}

Result<WriteOutcome> SqliteUserStore::upsert(const Scope& scope, const Attributes& attributes,
                                             base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.write([&](Session& session) -> Result<WriteOutcome> {
    const bool is_new = ensure_user(session, scope, at);
    UserRow before{scope.user, {}};
    if (!is_new) read_attributes(session, scope.tenant_scope(), before);
    if (!is_new && before.attributes == attributes) return WriteOutcome::kUnchanged;
    write_attributes(session, scope, attributes, before, at);
    session.query("UPDATE users SET updated_at = ? WHERE tenant = ? AND user = ?")
        .bind(at, scope.tenant, scope.user)
        .run();
    return is_new ? WriteOutcome::kAdded : WriteOutcome::kUpdated;
  });
}

Result<std::optional<UserRow>> SqliteUserStore::find(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<UserRow>> {
    Query query =
        session.query("SELECT created_at, updated_at FROM users WHERE tenant = ? AND user = ?");
    query.bind(scope.tenant, scope.user);
    if (!query.step()) return std::optional<UserRow>{};
    UserRow row{scope.user, {}, query.integer(0), query.integer(1)};
    read_attributes(session, scope.tenant_scope(), row);
    return std::optional<UserRow>(std::move(row));
  });
}

Result<std::vector<UserRow>> SqliteUserStore::list(const TenantScope& scope, const UserId& after,
                                                   std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<UserRow>> {
    std::vector<UserRow> users;
    Query query = session.query(
        "SELECT user, created_at, updated_at FROM users WHERE tenant = ? AND user > ? "
        "ORDER BY user LIMIT ?");
    query.bind(scope.tenant, after, limit);
    while (query.step()) {
      UserRow row{UserId(query.text(0)), {}, query.integer(1), query.integer(2)};
      read_attributes(session, scope, row);
      users.push_back(std::move(row));
    }
    return users;
  });
}

Result<EraseReceipt> SqliteUserStore::erase(const Scope& scope, base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_ASSIGN_OR_RETURN(
      EraseReceipt receipt, database_.write([&](Session& session) -> Result<EraseReceipt> {
        EraseReceipt counts{at, {}};
        flag_contributions(session, scope, at);
        for (const EraseStep& step : kEraseSteps) {
          counts.rows[step.table] = session.query(step.sql).bind(scope.tenant, scope.user).run();
        }
        return counts;
      }));
  // Also when there was no row: an earlier erasure may have been stopped before this.
  KITH_RETURN_IF_ERROR(database_.scrub());
  return receipt;
}

Result<bool> SqliteConsentStore::allows(const Scope& scope, std::string_view purpose) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<bool> {
    Query query =
        session.query("SELECT granted FROM consents WHERE tenant = ? AND user = ? AND purpose = ?");
    query.bind(scope.tenant, scope.user, purpose);
    return !query.step() || query.integer(0) != 0;
  });
}

Result<WriteOutcome> SqliteConsentStore::set(const Scope& scope, std::string_view purpose,
                                             bool granted, base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(std::string(purpose), "consent purpose"));
  return database_.write([&](Session& session) -> Result<WriteOutcome> {
    ensure_user(session, scope, at);
    std::optional<bool> before;
    {
      Query query = session.query(
          "SELECT granted FROM consents WHERE tenant = ? AND user = ? AND purpose = ?");
      query.bind(scope.tenant, scope.user, purpose);
      if (query.step()) before = query.integer(0) != 0;
    }
    if (before == granted) return WriteOutcome::kUnchanged;
    session.query("INSERT OR REPLACE INTO consents VALUES (?, ?, ?, ?, ?)")
        .bind(scope.tenant, scope.user, purpose, granted, at)
        .run();
    return before ? WriteOutcome::kUpdated : WriteOutcome::kAdded;
  });
}

Result<std::vector<ConsentRow>> SqliteConsentStore::list(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<ConsentRow>> {
    std::vector<ConsentRow> rows;
    Query query = session.query(
        "SELECT purpose, granted, at FROM consents WHERE tenant = ? AND user = ? "
        "ORDER BY purpose");
    query.bind(scope.tenant, scope.user);
    while (query.step()) {
      rows.push_back(ConsentRow{query.text(0), query.integer(1) != 0, query.integer(2)});
    }
    return rows;
  });
}

Status SqlitePersonaStore::put(const Scope& scope, const PersonaAssignment& assignment) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  if (assignment.weights.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a persona assignment needs at least one weight"};
  }
  for (const PersonaWeight& weight : assignment.weights) {
    KITH_RETURN_IF_ERROR(check_row_id(weight.persona.str(), "persona id"));
    if (!(weight.probability >= 0.0 && weight.probability <= 1.0)) {
      return Error{ErrorCode::kInvalidArgument,
                   "persona probability must be in [0, 1]: " + std::to_string(weight.probability)};
    }
  }
  return database_.write([&](Session& session) -> Status {
    ensure_user(session, scope, assignment.at);
    session.query("INSERT OR REPLACE INTO persona_assignments VALUES (?, ?, ?, ?, ?)")
        .bind(scope.tenant, scope.user, assignment.evidence, assignment.model_version,
              assignment.at)
        .run();
    note_change(session, scope, assignment.weights.front().persona, assignment.at);
    session.query("DELETE FROM persona_weights WHERE tenant = ? AND user = ?")
        .bind(scope.tenant, scope.user)
        .run();
    int rank = 0;
    for (const PersonaWeight& weight : assignment.weights) {
      session.query("INSERT INTO persona_weights VALUES (?, ?, ?, ?, ?)")
          .bind(scope.tenant, scope.user, rank++, weight.persona, weight.probability)
          .run();
    }
    return {};
  });
}

Result<std::optional<PersonaAssignment>> SqlitePersonaStore::find(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<PersonaAssignment>> {
    PersonaAssignment assignment;
    Query query = session.query(
        "SELECT evidence, model_version, at FROM persona_assignments "
        "WHERE tenant = ? AND user = ?");
    query.bind(scope.tenant, scope.user);
    if (!query.step()) return std::optional<PersonaAssignment>{};
    assignment.evidence = query.text(0);
    assignment.model_version = query.text(1);
    assignment.at = query.integer(2);
    Query weights = session.query(
        "SELECT persona, probability FROM persona_weights WHERE tenant = ? AND user = ? "
        "ORDER BY rank");
    weights.bind(scope.tenant, scope.user);
    while (weights.step()) {
      assignment.weights.push_back(PersonaWeight{PersonaId(weights.text(0)), weights.number(1)});
    }
    return std::optional<PersonaAssignment>(std::move(assignment));
  });
}

Result<std::vector<PersonaChange>> SqlitePersonaStore::changes(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<PersonaChange>> {
    std::vector<PersonaChange> changes;
    Query query = session.query(
        "SELECT at, from_persona, to_persona FROM persona_changes WHERE tenant = ? AND user = ? "
        "ORDER BY change");
    query.bind(scope.tenant, scope.user);
    while (query.step()) {
      changes.push_back({query.integer(0), PersonaId(query.text(1)), PersonaId(query.text(2))});
    }
    return changes;
  });
}

Result<std::map<PersonaId, std::int64_t>> SqlitePersonaStore::count_users(
    const TenantScope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::map<PersonaId, std::int64_t>> {
    std::map<PersonaId, std::int64_t> counts;
    Query query = session.query(
        "SELECT persona, count(*) FROM persona_weights WHERE tenant = ? AND rank = 0 "
        "GROUP BY persona");
    query.bind(scope.tenant);
    while (query.step()) counts.emplace(PersonaId(query.text(0)), query.integer(1));
    return counts;
  });
}

}  // namespace kith::storage::sqlite
