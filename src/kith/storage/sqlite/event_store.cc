#include "kith/storage/sqlite/event_store.h"

#include "kith/storage/sqlite/rows.h"

namespace kith::storage::sqlite {

Result<bool> SqliteEventStore::add(const Scope& scope, const EventRow& event) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(event.id, "event id"));
  KITH_RETURN_IF_ERROR(check_row_id(event.kind, "event kind"));
  return database_.write([&](Session& session) -> Result<bool> {
    ensure_user(session, scope, event.at);
    return session.query("INSERT OR IGNORE INTO user_events VALUES (?, ?, ?, ?, ?, ?)")
               .bind(scope.tenant, scope.user, event.id, event.kind, event.document, event.at)
               .run() > 0;
  });
}

Result<std::vector<EventRow>> SqliteEventStore::list(const Scope& scope, std::string_view kind,
                                                     std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<EventRow>> {
    std::vector<EventRow> rows;
    Query query = session.query(
        "SELECT event, kind, document, at FROM user_events "
        "WHERE tenant = ? AND user = ? AND (? = '' OR kind = ?) ORDER BY at DESC, event LIMIT ?");
    query.bind(scope.tenant, scope.user, kind, kind, limit);
    while (query.step()) {
      rows.push_back({query.text(0), query.text(1), query.text(2), query.integer(3)});
    }
    return rows;
  });
}

}  // namespace kith::storage::sqlite
