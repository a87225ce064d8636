#include "kith/storage/sqlite/fleet_store.h"

#include <algorithm>
#include <string>

#include "kith/storage/sqlite/rows.h"

namespace kith::storage::sqlite {
namespace {

Status check_query(const FleetQuery& query) {
  KITH_RETURN_IF_ERROR(check_row_id(query.persona.str(), "persona id"));
  if (query.from >= query.to || query.bucket <= 0) {
    return Error{ErrorCode::kInvalidArgument, "the span of time must not be empty"};
  }
  if ((query.to - query.from - 1) / query.bucket >= kMaxFleetBuckets) {
    return Error{ErrorCode::kInvalidArgument, "at most " + std::to_string(kMaxFleetBuckets) +
                                                  " spans of time can be told at once"};
  }
  return {};
}

std::vector<FleetCounts> make_buckets(const FleetQuery& query) {
  std::vector<FleetCounts> buckets;
  for (base::UnixMicros at = query.from; at < query.to; at += query.bucket) {
    FleetCounts counts;
    counts.from = at;
    counts.to = std::min(at + query.bucket, query.to);
    buckets.push_back(counts);
  }
  return buckets;
}

// A jump from each persona to the next in the index, as a GROUP BY would read all of it.
std::vector<std::string> personas_answered(Session& session, const TenantScope& scope) {
  std::vector<std::string> personas;
  Query query = session.query(
      "WITH RECURSIVE known(persona) AS ("
      "SELECT min(persona) FROM decisions WHERE tenant = ?1 UNION ALL "
      "SELECT (SELECT min(persona) FROM decisions WHERE tenant = ?1 AND persona > known.persona) "
      "FROM known WHERE known.persona IS NOT NULL) "
      "SELECT persona FROM known WHERE persona IS NOT NULL");
  query.bind(scope.tenant);
  while (query.step()) personas.push_back(query.text(0));
  return personas;
}

std::int64_t count_of(Query& query, const TenantScope& scope, const std::string& persona,
                      const FleetCounts& span) {
  query.bind(scope.tenant, persona, span.from, span.to);
  return query.step() ? query.integer(0) : 0;
}

std::int64_t count_answers(Session& session, const TenantScope& scope, const std::string& persona,
                           const FleetCounts& span) {
  Query query = session.query(
      "SELECT count(*) FROM decisions WHERE tenant = ? AND persona = ? AND at >= ? AND at < ?");
  return count_of(query, scope, persona, span);
}

std::int64_t count_askers(Session& session, const TenantScope& scope, const std::string& persona,
                          const FleetCounts& span) {
  Query query = session.query(
      "SELECT count(DISTINCT user) FROM decisions "
      "WHERE tenant = ? AND persona = ? AND at >= ? AND at < ?");
  return count_of(query, scope, persona, span);
}

void add_answers(Session& session, const TenantScope& scope, const FleetQuery& query,
                 FleetFigures& figures) {
  const std::string& own = query.persona.str();
  for (const std::string& persona : personas_answered(session, scope)) {
    for (FleetCounts& bucket : figures.buckets) {
      const std::int64_t answers = count_answers(session, scope, persona, bucket);
      bucket.all_requests += answers;
      if (persona == own) bucket.requests = answers;
    }
  }
  for (FleetCounts& bucket : figures.buckets) {
    if (bucket.requests > 0) bucket.users = count_askers(session, scope, own, bucket);
    figures.total.requests += bucket.requests;
    figures.total.all_requests += bucket.all_requests;
  }
  if (figures.total.requests > 0) {
    figures.total.users = count_askers(session, scope, own, figures.total);
  }
}

void count_own(Session& session, const TenantScope& scope, const PersonaId& persona,
               FleetCounts& span) {
  Query query = session.query(
      "SELECT count(*), count(DISTINCT user) FROM decisions "
      "WHERE tenant = ? AND own_persona = ? AND at >= ? AND at < ?");
  query.bind(scope.tenant, persona, span.from, span.to);
  if (!query.step()) return;
  span.own_requests = query.integer(0);
  span.own_users = query.integer(1);
}

// Answers to the persona's users, whoever gave them.
void add_own_answers(Session& session, const TenantScope& scope, const FleetQuery& query,
                     FleetFigures& figures) {
  for (FleetCounts& bucket : figures.buckets) count_own(session, scope, query.persona, bucket);
  count_own(session, scope, query.persona, figures.total);
}

// Calls `count` with the bucket that holds the time of each row; the time is the first column.
template <typename Count>
void for_each_row(Query& rows, const FleetQuery& query, FleetFigures& figures, Count count) {
  while (rows.step()) {
    const auto index = static_cast<std::size_t>((rows.integer(0) - query.from) / query.bucket);
    count(figures.buckets[index]);
    count(figures.total);
  }
}

void add_thumbs(Session& session, const TenantScope& scope, const FleetQuery& query,
                FleetFigures& figures) {
  // In this order and by these indices: other personas' thumbs are dropped before the later ones
  // are looked for, and no whole row is read.
  Query rows = session.query(
      "SELECT f.at, f.value, d.persona = ?4, d.own_persona = ?4 "
      "FROM feedback f INDEXED BY feedback_thumbs "
      "CROSS JOIN decisions d INDEXED BY decisions_with_personas "
      "ON d.tenant = f.tenant AND d.user = f.user AND d.decision = f.decision "
      "WHERE f.tenant = ?1 AND f.kind = 'thumb' AND f.value IS NOT NULL AND f.at >= ?2 "
      "AND f.at < ?3 AND (d.persona = ?4 OR d.own_persona = ?4) AND NOT EXISTS ("
      "SELECT 1 FROM feedback later INDEXED BY feedback_by_decision "
      "WHERE later.tenant = d.tenant AND later.user = d.user "
      "AND later.decision = d.decision AND later.kind = 'thumb' "
      "AND (later.at, later.key) > (f.at, f.key))");
  rows.bind(scope.tenant, query.from, query.to, query.persona);
  for_each_row(rows, query, figures, [&rows](FleetCounts& counts) {
    const bool is_up = rows.number(1) > 0.0;
    if (rows.integer(2) != 0) ++(is_up ? counts.thumbs_up : counts.thumbs_down);
    if (rows.integer(3) != 0) ++(is_up ? counts.own_thumbs_up : counts.own_thumbs_down);
  });
}

std::int64_t count_before(Session& session, std::string_view sql, const TenantScope& scope,
                          const FleetQuery& query) {
  Query rows = session.query(sql);
  rows.bind(scope.tenant, query.persona, query.from);
  return rows.step() ? rows.integer(0) : 0;
}

void add_members(Session& session, const TenantScope& scope, const FleetQuery& query,
                 FleetFigures& figures) {
  Query joined = session.query(
      "SELECT at FROM persona_changes WHERE tenant = ? AND to_persona = ? AND at >= ? AND at < ?");
  joined.bind(scope.tenant, query.persona, query.from, query.to);
  for_each_row(joined, query, figures, [](FleetCounts& counts) { ++counts.joined; });
  Query left = session.query(
      "SELECT at FROM persona_changes WHERE tenant = ? AND from_persona = ? AND at >= ? "
      "AND at < ?");
  left.bind(scope.tenant, query.persona, query.from, query.to);
  for_each_row(left, query, figures, [](FleetCounts& counts) { ++counts.left; });
  std::int64_t size = count_before(session,
                                   "SELECT count(*) FROM persona_changes "
                                   "WHERE tenant = ? AND to_persona = ? AND at < ?",
                                   scope, query) -
                      count_before(session,
                                   "SELECT count(*) FROM persona_changes "
                                   "WHERE tenant = ? AND from_persona = ? AND at < ?",
                                   scope, query);
  for (FleetCounts& bucket : figures.buckets) {
    size += bucket.joined - bucket.left;
    bucket.size = size;
  }
  figures.total.size = size;
}

// Everybody's first change is from no persona.
std::int64_t count_members(Session& session, const TenantScope& scope, base::UnixMicros before) {
  Query query = session.query(
      "SELECT count(*) FROM persona_changes WHERE tenant = ? AND from_persona = '' AND at < ?");
  query.bind(scope.tenant, before);
  return query.step() ? query.integer(0) : 0;
}

}  // namespace

Result<FleetFigures> SqliteFleetStore::figures(const TenantScope& scope, const FleetQuery& query) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_query(query));
  return database_.read([&](Session& session) -> Result<FleetFigures> {
    FleetFigures figures;
    figures.buckets = make_buckets(query);
    figures.total.from = query.from;
    figures.total.to = query.to;
    add_answers(session, scope, query, figures);
    add_own_answers(session, scope, query, figures);
    add_thumbs(session, scope, query, figures);
    add_members(session, scope, query, figures);
    figures.all_users = count_members(session, scope, query.to);
    return figures;
  });
}

Result<bool> SqliteFleetStore::note(const Scope& scope, const PersonaId& persona,
                                    base::UnixMicros at) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(persona.str(), "persona id"));
  return database_.write([&](Session& session) -> Result<bool> {
    {
      Query query = session.query(
          "SELECT 1 FROM users u WHERE tenant = ?1 AND user = ?2 AND NOT EXISTS ("
          "SELECT 1 FROM persona_assignments WHERE tenant = ?1 AND user = ?2)");
      query.bind(scope.tenant, scope.user);
      if (!query.step()) return false;
    }
    return note_change(session, scope, persona, at);
  });
}

Result<std::vector<UserRow>> SqliteFleetStore::list_unnoted(const TenantScope& scope,
                                                            const UserId& after,
                                                            std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<UserRow>> {
    std::vector<UserRow> users;
    Query query = session.query(
        "SELECT user, created_at, updated_at FROM users u WHERE tenant = ?1 AND user > ?2 "
        "AND NOT EXISTS (SELECT 1 FROM persona_assignments a "
        "WHERE a.tenant = u.tenant AND a.user = u.user) "
        "AND NOT EXISTS (SELECT 1 FROM persona_changes c "
        "WHERE c.tenant = u.tenant AND c.user = u.user AND c.at >= u.updated_at) "
        "ORDER BY user LIMIT ?3");
    query.bind(scope.tenant, after, limit);
    while (query.step()) {
      UserRow row{UserId(query.text(0)), {}, query.integer(1), query.integer(2)};
      read_attributes(session, scope, row);
      users.push_back(std::move(row));
    }
    return users;
  });
}

}  // namespace kith::storage::sqlite
