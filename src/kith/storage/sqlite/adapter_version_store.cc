#include "kith/storage/sqlite/adapter_version_store.h"

#include "kith/base/json.h"

namespace kith::storage::sqlite {
namespace {

#define KITH_VERSION_COLUMNS                                                                 \
  "SELECT adapter, version, status, path, content_hash, created_at, created_by, reason, "    \
  "parents, base_hash, data_hash, recipe_hash, metrics, gate_passed, gate, gate_at, share, " \
  "trial FROM adapter_versions "

Error not_found(const AdapterVersionId& id) {
  return Error{ErrorCode::kNotFound, "there is no version " + to_string(id)};
}

Error conflict(const AdapterVersionId& id, VersionStatus is, const std::string& wanted) {
  return Error{ErrorCode::kConflict,
               "version " + to_string(id) + " is " + std::string(to_string(is)) + ", " + wanted};
}

std::string to_text(const std::vector<std::string>& list) {
  return base::dump_json(base::Json(list));
}

std::vector<std::string> to_list(const std::string& text) {
  std::vector<std::string> list;
  const auto json = base::parse_json(text);
  if (!json || !json->is_array()) return list;
  for (const auto& item : *json) {
    if (item.is_string()) list.push_back(item.get<std::string>());
  }
  return list;
}

VersionStatus to_status(const std::string& text) {
  const auto status = parse_version_status(text);
  // A word of a later program: whatever it means, this program serves it to nobody.
  return status ? *status : VersionStatus::kWithdrawn;
}

AdapterVersionRow read_version(Session& session, const Query& query) {
  AdapterVersionRow row;
  row.id = {AdapterId(query.text(0)), static_cast<int>(query.integer(1))};
  row.status = to_status(query.text(2));
  row.path = query.text(3);
  row.content_hash = query.text(4);
  row.created_at = query.integer(5);
  row.created_by = query.text(6);
  row.reason = query.text(7);
  row.parents = to_list(query.text(8));
  row.base_hash = query.text(9);
  row.data_hash = query.text(10);
  row.recipe_hash = query.text(11);
  row.metrics = query.text(12);
  if (!query.is_null(13)) {
    row.gate = GateOutcome{query.integer(13) != 0, query.text(14), query.integer(15)};
  }
  row.share = query.number(16);
  row.trial = query.text(17);
  Query flags = session.query(
      "SELECT flag FROM adapter_flags WHERE adapter = ? AND version = ? ORDER BY flag");
  flags.bind(row.id.adapter, row.id.version);
  while (flags.step()) row.flags.push_back(flags.text(0));
  return row;
}

std::optional<AdapterVersionRow> find_in(Session& session, const AdapterVersionId& id) {
  Query query = session.query(KITH_VERSION_COLUMNS "WHERE adapter = ? AND version = ?");
  query.bind(id.adapter, id.version);
  if (!query.step()) return std::nullopt;
  return read_version(session, query);
}

std::optional<AdapterVersionRow> find_status_in(Session& session, const AdapterId& adapter,
                                                VersionStatus status) {
  Query query = session.query(KITH_VERSION_COLUMNS
                              "WHERE adapter = ? AND status = ? ORDER BY version DESC LIMIT 1");
  query.bind(adapter, to_string(status));
  if (!query.step()) return std::nullopt;
  return read_version(session, query);
}

bool insert_flag(Session& session, const AdapterVersionId& id, const std::string& flag,
                 base::UnixMicros at) {
  return session.query("INSERT OR IGNORE INTO adapter_flags VALUES (?, ?, ?, ?)")
             .bind(id.adapter, id.version, flag, at)
             .run() > 0;
}

void write_history(Session& session, const VersionChange& change) {
  std::optional<std::string> from;
  if (change.from) from = std::string(to_string(*change.from));
  session
      .query(
          "INSERT INTO adapter_history (adapter, version, from_status, to_status, by, reason, at) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .bind(change.id.adapter, change.id.version, from, to_string(change.to), change.by,
            change.reason, change.at)
      .run();
}

// Changes status and writes it down; `change.from` is the status now.
void move(Session& session, const VersionChange& change, double share) {
  session
      .query(
          "UPDATE adapter_versions SET status = ?, share = ?, "
          "trial = CASE WHEN ? THEN '' ELSE trial END WHERE adapter = ? AND version = ?")
      .bind(to_string(change.to), share, share > 0.0, change.id.adapter, change.id.version)
      .run();
  write_history(session, change);
}

// What the version that had the place of `change.to` becomes; absent where many may have it.
std::optional<VersionStatus> status_of_former(VersionStatus to, const ChangeOptions& options) {
  if (to == VersionStatus::kServing) {
    return options.withdraws_former ? VersionStatus::kWithdrawn : VersionStatus::kRetired;
  }
  if (to == VersionStatus::kCanary || to == VersionStatus::kShadow) {
    return VersionStatus::kCandidate;
  }
  return std::nullopt;
}

// Empties the place that `change` takes.
void move_former(Session& session, const VersionChange& change, const ChangeOptions& options) {
  const auto becomes = status_of_former(change.to, options);
  if (!becomes) return;
  const auto former = find_status_in(session, change.id.adapter, change.to);
  if (!former) return;
  move(session,
       {.id = former->id,
        .from = change.to,
        .to = *becomes,
        .by = change.by,
        .reason = to_string(change.id) + " takes its place",
        .at = change.at},
       0.0);
}

Status check_id(const AdapterVersionId& id) {
  KITH_RETURN_IF_ERROR(check_row_id(id.adapter.str(), "adapter id"));
  if (id.version >= 1) return {};
  return Error{ErrorCode::kInvalidArgument,
               "the number of a version must be at least 1: " + std::to_string(id.version)};
}

Status check_new(const AdapterVersionRow& row, std::span<const Scope> contributors) {
  KITH_RETURN_IF_ERROR(check_id(row.id));
  if (row.path.empty() || row.content_hash.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a version needs a path and a content hash"};
  }
  for (const Scope& scope : contributors) KITH_RETURN_IF_ERROR(check_scope(scope));
  return {};
}

void insert_version(Session& session, const AdapterVersionRow& row) {
  session
      .query(
          "INSERT INTO adapter_versions (adapter, version, status, path, content_hash, created_at, "
          "created_by, reason, parents, base_hash, data_hash, recipe_hash, metrics, share, trial) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')")
      .bind(row.id.adapter, row.id.version, to_string(VersionStatus::kCandidate), row.path,
            row.content_hash, row.created_at, row.created_by, row.reason, to_text(row.parents),
            row.base_hash, row.data_hash, row.recipe_hash, row.metrics)
      .run();
}

// True if all of them are users.
bool insert_contributors(Session& session, const AdapterVersionId& id,
                         std::span<const Scope> contributors) {
  bool all_known = true;
  for (const Scope& scope : contributors) {
    const bool is_known = [&] {
      Query query = session.query("SELECT 1 FROM users WHERE tenant = ? AND user = ?");
      return query.bind(scope.tenant, scope.user).step();
    }();
    all_known = all_known && is_known;
    if (!is_known) continue;
    session.query("INSERT OR IGNORE INTO adapter_contributors VALUES (?, ?, ?, ?)")
        .bind(scope.tenant, scope.user, id.adapter, id.version)
        .run();
  }
  return all_known;
}

}  // namespace

void flag_contributions(Session& session, const Scope& scope, base::UnixMicros at) {
  session
      .query(
          "INSERT OR IGNORE INTO adapter_flags SELECT adapter, version, ?, ? "
          "FROM adapter_contributors WHERE tenant = ? AND user = ?")
      .bind(kFlagErasedContributor, at, scope.tenant, scope.user)
      .run();
}

Status SqliteAdapterVersionStore::add(const AdapterVersionRow& row,
                                      std::span<const Scope> contributors) {
  KITH_RETURN_IF_ERROR(check_new(row, contributors));
  return database_.write([&](Session& session) -> Status {
    if (find_in(session, row.id)) {
      return Error{ErrorCode::kConflict, "there is a version " + to_string(row.id)};
    }
    insert_version(session, row);
    if (!insert_contributors(session, row.id, contributors)) {
      insert_flag(session, row.id, kFlagErasedContributor, row.created_at);
    }
    write_history(session, {.id = row.id,
                            .from = std::nullopt,
                            .to = VersionStatus::kCandidate,
                            .by = row.created_by,
                            .reason = row.reason,
                            .at = row.created_at});
    return {};
  });
}

Result<int> SqliteAdapterVersionStore::next_version(const AdapterId& adapter) {
  return database_.read([&](Session& session) -> Result<int> {
    Query query =
        session.query("SELECT coalesce(max(version), 0) FROM adapter_versions WHERE adapter = ?");
    query.bind(adapter).step();
    return static_cast<int>(query.integer(0)) + 1;
  });
}

Result<std::optional<AdapterVersionRow>> SqliteAdapterVersionStore::find(
    const AdapterVersionId& id) {
  return database_.read([&](Session& session) -> Result<std::optional<AdapterVersionRow>> {
    return find_in(session, id);
  });
}

Result<std::optional<AdapterVersionRow>> SqliteAdapterVersionStore::find_status(
    const AdapterId& adapter, VersionStatus status) {
  return database_.read([&](Session& session) -> Result<std::optional<AdapterVersionRow>> {
    return find_status_in(session, adapter, status);
  });
}

Result<std::vector<AdapterVersionRow>> SqliteAdapterVersionStore::list(const AdapterId& adapter) {
  return database_.read([&](Session& session) -> Result<std::vector<AdapterVersionRow>> {
    std::vector<AdapterVersionRow> rows;
    Query query = session.query(KITH_VERSION_COLUMNS
                                "WHERE ? = '' OR adapter = ? ORDER BY adapter, version DESC");
    query.bind(adapter, adapter);
    while (query.step()) rows.push_back(read_version(session, query));
    return rows;
  });
}

Status SqliteAdapterVersionStore::change(const VersionChange& change,
                                         const ChangeOptions& options) {
  const double share = options.share;
  const bool has_share = change.to == VersionStatus::kCanary || change.to == VersionStatus::kShadow;
  if (has_share && !(share > 0.0 && share <= 1.0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the share of a canary or a shadow must be in (0, 1]: " + std::to_string(share)};
  }
  return database_.write([&](Session& session) -> Status {
    const auto row = find_in(session, change.id);
    if (!row) return not_found(change.id);
    if (change.from && *change.from != row->status) {
      return conflict(change.id, row->status, "not " + std::string(to_string(*change.from)));
    }
    if (!may_become(row->status, change.to)) {
      return conflict(change.id, row->status,
                      "and cannot become " + std::string(to_string(change.to)));
    }
    move_former(session, change, options);
    VersionChange whole = change;
    whole.from = row->status;
    move(session, whole, has_share ? share : 0.0);
    return {};
  });
}

Status SqliteAdapterVersionStore::set_gate(const AdapterVersionId& id, const GateOutcome& gate,
                                           const std::string& by) {
  return database_.write([&](Session& session) -> Status {
    const auto row = find_in(session, id);
    if (!row) return not_found(id);
    session
        .query(
            "UPDATE adapter_versions SET gate_passed = ?, gate = ?, gate_at = ? "
            "WHERE adapter = ? AND version = ?")
        .bind(gate.passed, gate.document, gate.at, id.adapter, id.version)
        .run();
    const bool is_moved = gate.passed ? row->status == VersionStatus::kRefused ||
                                            row->status == VersionStatus::kWithdrawn
                                      : row->status == VersionStatus::kCandidate;
    if (!is_moved) return {};
    move(session,
         {.id = id,
          .from = row->status,
          .to = gate.passed ? VersionStatus::kCandidate : VersionStatus::kRefused,
          .by = by,
          .reason = gate.passed ? "passed the gate" : "failed the gate",
          .at = gate.at},
         0.0);
    return {};
  });
}

Status SqliteAdapterVersionStore::set_metrics(const AdapterVersionId& id,
                                              const std::string& metrics) {
  return database_.write([&](Session& session) -> Status {
    const int changed =
        session.query("UPDATE adapter_versions SET metrics = ? WHERE adapter = ? AND version = ?")
            .bind(metrics, id.adapter, id.version)
            .run();
    if (changed == 0) return not_found(id);
    return {};
  });
}

Status SqliteAdapterVersionStore::set_trial(const AdapterVersionId& id, const std::string& trial) {
  return database_.write([&](Session& session) -> Status {
    const auto row = find_in(session, id);
    if (!row) return not_found(id);
    if (row->status != VersionStatus::kCanary && row->status != VersionStatus::kShadow) {
      return conflict(id, row->status, "neither canary nor shadow");
    }
    session.query("UPDATE adapter_versions SET trial = ? WHERE adapter = ? AND version = ?")
        .bind(trial, id.adapter, id.version)
        .run();
    return {};
  });
}

Result<bool> SqliteAdapterVersionStore::add_flag(const AdapterVersionId& id,
                                                 const std::string& flag, base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_row_id(flag, "flag of a version"));
  return database_.write([&](Session& session) -> Result<bool> {
    if (!find_in(session, id)) return not_found(id);
    return insert_flag(session, id, flag, at);
  });
}

Result<std::vector<VersionThumbs>> SqliteAdapterVersionStore::thumbs(const AdapterId& adapter,
                                                                     base::UnixMicros since) {
  return database_.read([&](Session& session) -> Result<std::vector<VersionThumbs>> {
    std::vector<VersionThumbs> counts;
    // SQLite takes `value` from the row of min(): the first thumb of each user.
    Query query = session.query(
        "SELECT version, sum(value > 0), sum(value < 0) FROM ("
        "SELECT d.adapter_version AS version, f.value AS value, min(f.received_at) "
        "FROM decisions d JOIN feedback f "
        "ON f.tenant = d.tenant AND f.user = d.user AND f.decision = d.decision "
        "WHERE d.adapter = ? AND d.adapter_version > 0 AND d.at >= ? AND f.kind = 'thumb' "
        "AND f.value IS NOT NULL GROUP BY d.tenant, d.user, d.adapter_version) "
        "GROUP BY version ORDER BY version");
    query.bind(adapter, since);
    while (query.step()) {
      counts.push_back({static_cast<int>(query.integer(0)), query.integer(1), query.integer(2)});
    }
    return counts;
  });
}

Result<std::vector<ShadowAnswer>> SqliteAdapterVersionStore::shadows(const AdapterVersionId& id,
                                                                     std::size_t limit) {
  return database_.read([&](Session& session) -> Result<std::vector<ShadowAnswer>> {
    std::vector<ShadowAnswer> answers;
    Query query = session.query(
        "SELECT tenant, user, json_extract(document, '$.shadow') FROM decisions "
        "WHERE adapter = ? AND shadow_version = ? AND shadow_version > 0 ORDER BY at DESC LIMIT ?");
    query.bind(id.adapter, id.version, limit);
    while (query.step()) {
      answers.push_back({{TenantId(query.text(0)), UserId(query.text(1))}, query.text(2)});
    }
    return answers;
  });
}

Result<std::vector<VersionChange>> SqliteAdapterVersionStore::history(const AdapterId& adapter,
                                                                      std::size_t limit) {
  return database_.read([&](Session& session) -> Result<std::vector<VersionChange>> {
    std::vector<VersionChange> changes;
    Query query = session.query(
        "SELECT adapter, version, from_status, to_status, by, reason, at FROM adapter_history "
        "WHERE ? = '' OR adapter = ? ORDER BY row DESC LIMIT ?");
    query.bind(adapter, adapter, limit);
    while (query.step()) {
      VersionChange change;
      change.id = {AdapterId(query.text(0)), static_cast<int>(query.integer(1))};
      if (!query.is_null(2)) change.from = to_status(query.text(2));
      change.to = to_status(query.text(3));
      change.by = query.text(4);
      change.reason = query.text(5);
      change.at = query.integer(6);
      changes.push_back(std::move(change));
    }
    return changes;
  });
}

Result<std::vector<Scope>> SqliteAdapterVersionStore::contributors(const AdapterVersionId& id) {
  return database_.read([&](Session& session) -> Result<std::vector<Scope>> {
    std::vector<Scope> scopes;
    Query query = session.query(
        "SELECT tenant, user FROM adapter_contributors WHERE adapter = ? AND version = ? "
        "ORDER BY tenant, user");
    query.bind(id.adapter, id.version);
    while (query.step()) scopes.push_back({TenantId(query.text(0)), UserId(query.text(1))});
    return scopes;
  });
}

Result<std::vector<AdapterVersionId>> SqliteAdapterVersionStore::contributions(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<AdapterVersionId>> {
    std::vector<AdapterVersionId> ids;
    Query query = session.query(
        "SELECT adapter, version FROM adapter_contributors WHERE tenant = ? AND user = ? "
        "ORDER BY adapter, version");
    query.bind(scope.tenant, scope.user);
    while (query.step()) {
      ids.push_back({AdapterId(query.text(0)), static_cast<int>(query.integer(1))});
    }
    return ids;
  });
}

}  // namespace kith::storage::sqlite
