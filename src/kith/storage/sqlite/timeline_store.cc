#include "kith/storage/sqlite/timeline_store.h"

#include <algorithm>
#include <limits>
#include <map>

#include "kith/base/json.h"
#include "kith/storage/sqlite/rows.h"

namespace kith::storage::sqlite {
namespace {

// Names of categories come in order, so equal ones give equal text.
std::string to_text(const Attributes& categories) {
  return categories.empty() ? std::string() : base::dump_json(base::Json(categories));
}

Attributes to_categories(const std::string& text) {
  Attributes categories;
  const auto parsed = text.empty() ? base::Json::object() : base::parse_json(text);
  if (!parsed || !parsed->is_object()) return categories;
  for (auto item = parsed->begin(); item != parsed->end(); ++item) {
    if (item->is_string()) categories.emplace(item.key(), item->get<std::string>());
  }
  return categories;
}

constexpr const char* kColumns =
    "at, arrival, event, received_at, kind, item, categories, number, text";

PlacedEvent read_event(const Query& query) {
  PlacedEvent placed{{query.integer(0), query.integer(1)}, {}};
  TimelineEvent& event = placed.event;
  event.id = query.text(2);
  event.at = query.integer(0);
  event.received_at = query.integer(3);
  event.kind = query.text(4);
  event.item = query.text(5);
  event.categories = to_categories(query.text(6));
  event.number = query.optional_number(7);
  event.text = query.text(8);
  return placed;
}

// Writes events of one tenant and keeps the heads of their timelines meanwhile.
class Appender {
 public:
  Appender(Session& session, const TenantId& tenant) : session_(session), tenant_(tenant) {}

  WriteOutcome add(const UserEvent& row) {
    TimelineHead& head = head_of(row);
    const std::string categories = to_text(row.event.categories);
    // Single events are never removed, so their number tells the next one's place.
    const TimelinePosition position{row.event.at, head.num_events + 1};
    if (insert(row, position, categories)) {
      if (position < head.last) ++head.revision;
      head.last = std::max(head.last, position);
      ++head.num_events;
      return WriteOutcome::kAdded;
    }
    if (!update(row, categories)) return WriteOutcome::kUnchanged;
    ++head.revision;
    head.last = last_of(row.user);
    return WriteOutcome::kUpdated;
  }

  void write_heads() {
    for (const auto& [user, head] : heads_) {
      session_.query("INSERT OR REPLACE INTO timelines VALUES (?, ?, ?, ?, ?, ?)")
          .bind(tenant_, user, head.num_events, head.revision, head.last.at, head.last.arrival)
          .run();
    }
  }

 private:
  TimelineHead& head_of(const UserEvent& row) {
    const auto [found, is_new] = heads_.try_emplace(row.user);
    if (!is_new) return found->second;
    ensure_user(session_, Scope{tenant_, row.user}, row.event.received_at);
    Query query = session_.query(
        "SELECT num_events, revision, last_at, last_arrival FROM timelines "
        "WHERE tenant = ? AND user = ?");
    query.bind(tenant_, row.user);
    if (query.step()) {
      found->second = {query.integer(0), query.integer(1), {query.integer(2), query.integer(3)}};
    }
    return found->second;
  }

  bool insert(const UserEvent& row, const TimelinePosition& position,
              const std::string& categories) {
    const TimelineEvent& event = row.event;
    return session_
               .query(
                   "INSERT OR IGNORE INTO timeline_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
               .bind(tenant_, row.user, event.id, position.arrival, event.at, event.received_at,
                     event.kind, event.item, categories, event.number, event.text)
               .run() > 0;
  }

  // False if the stored event is the same.
  bool update(const UserEvent& row, const std::string& categories) {
    const TimelineEvent& event = row.event;
    const base::UnixMicros at = row.has_time ? event.at : time_of(row);
    return session_
               .query(
                   "UPDATE timeline_events SET at = ?4, kind = ?5, item = ?6, categories = ?7, "
                   "number = ?8, text = ?9 WHERE tenant = ?1 AND user = ?2 AND event = ?3 AND "
                   "(at, kind, item, categories, text) IS NOT (?4, ?5, ?6, ?7, ?9) OR "
                   "(tenant = ?1 AND user = ?2 AND event = ?3 AND number IS NOT ?8)")
               .bind(tenant_, row.user, event.id, at, event.kind, event.item, categories,
                     event.number, event.text)
               .run() > 0;
  }

  // Of the stored event of this id. REQUIRES: there is one.
  base::UnixMicros time_of(const UserEvent& row) {
    Query query = session_.query(
        "SELECT at FROM timeline_events WHERE tenant = ? AND user = ? AND event = ?");
    query.bind(tenant_, row.user, row.event.id);
    return query.step() ? query.integer(0) : row.event.at;
  }

  TimelinePosition last_of(const UserId& user) {
    Query query = session_.query(
        "SELECT at, arrival FROM timeline_events WHERE tenant = ? AND user = ? "
        "ORDER BY at DESC, arrival DESC LIMIT 1");
    query.bind(tenant_, user);
    return query.step() ? TimelinePosition{query.integer(0), query.integer(1)} : TimelinePosition{};
  }

  Session& session_;
  const TenantId& tenant_;
  std::map<UserId, TimelineHead> heads_;
};

}  // namespace

Result<std::vector<WriteOutcome>> SqliteTimelineStore::add(const TenantScope& scope,
                                                           std::span<const UserEvent> events) {
  for (const UserEvent& row : events) {
    KITH_RETURN_IF_ERROR(check_scope(Scope{scope.tenant, row.user}));
    KITH_RETURN_IF_ERROR(check_event(row.event));
  }
  return database_.write([&](Session& session) -> Result<std::vector<WriteOutcome>> {
    Appender appender(session, scope.tenant);
    std::vector<WriteOutcome> outcomes;
    outcomes.reserve(events.size());
    for (const UserEvent& row : events) outcomes.push_back(appender.add(row));
    appender.write_heads();
    return outcomes;
  });
}

Result<std::optional<TimelineHead>> SqliteTimelineStore::head(const Scope& scope) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<TimelineHead>> {
    Query query = session.query(
        "SELECT num_events, revision, last_at, last_arrival FROM timelines "
        "WHERE tenant = ? AND user = ?");
    query.bind(scope.tenant, scope.user);
    if (!query.step()) return std::optional<TimelineHead>{};
    return std::optional<TimelineHead>(
        {query.integer(0), query.integer(1), {query.integer(2), query.integer(3)}});
  });
}

Result<std::vector<PlacedEvent>> SqliteTimelineStore::after(const Scope& scope,
                                                            const TimelinePosition& position,
                                                            std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<PlacedEvent>> {
    std::vector<PlacedEvent> events;
    static const std::string sql = std::string("SELECT ") + kColumns +
                                   " FROM timeline_events WHERE tenant = ? AND user = ? AND "
                                   "(at, arrival) > (?, ?) ORDER BY at, arrival LIMIT ?";
    Query query = session.query(sql);
    query.bind(scope.tenant, scope.user, position.at, position.arrival, limit);
    while (query.step()) events.push_back(read_event(query));
    return events;
  });
}

Result<std::vector<PlacedEvent>> SqliteTimelineStore::newest(
    const Scope& scope, std::optional<TimelinePosition> position, std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  const TimelinePosition end = position.value_or(TimelinePosition{kEnd, kEnd});
  return database_.read([&](Session& session) -> Result<std::vector<PlacedEvent>> {
    std::vector<PlacedEvent> events;
    static const std::string sql = std::string("SELECT ") + kColumns +
                                   " FROM timeline_events WHERE tenant = ? AND user = ? AND "
                                   "(at, arrival) < (?, ?) "
                                   "ORDER BY at DESC, arrival DESC LIMIT ?";
    Query query = session.query(sql);
    query.bind(scope.tenant, scope.user, end.at, end.arrival, limit);
    while (query.step()) events.push_back(read_event(query));
    std::reverse(events.begin(), events.end());
    return events;
  });
}

Result<std::vector<UserId>> SqliteTimelineStore::users(const TenantScope& scope,
                                                       const UserId& after, std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<UserId>> {
    std::vector<UserId> users;
    Query query = session.query(
        "SELECT user FROM timelines WHERE tenant = ? AND user > ? ORDER BY user LIMIT ?");
    query.bind(scope.tenant, after, limit);
    while (query.step()) users.emplace_back(query.text(0));
    return users;
  });
}

}  // namespace kith::storage::sqlite
