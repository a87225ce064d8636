#include "kith/storage/sqlite/decision_stores.h"

#include <cmath>

#include "kith/base/json.h"
#include "kith/storage/sqlite/rows.h"

namespace kith::storage::sqlite {
namespace {

#define KITH_DECISION_COLUMNS                                                       \
  "SELECT decision, user, conversation, completion, at, persona, adapter, chosen, " \
  "probability, document, adapter_version, own_persona FROM decisions "
#define KITH_FEEDBACK_COLUMNS \
  "SELECT key, decision, kind, value, text, at, received_at FROM feedback "

DecisionRow read_decision(const Query& query) {
  DecisionRow row;
  row.id = DecisionId(query.text(0));
  row.user = UserId(query.text(1));
  row.conversation = ConversationId(query.text(2));
  row.completion = query.text(3);
  row.at = query.integer(4);
  row.persona = PersonaId(query.text(5));
  row.adapter = AdapterId(query.text(6));
  row.chosen = query.text(7);
  row.probability = query.number(8);
  row.document = query.text(9);
  row.adapter_version = static_cast<int>(query.integer(10));
  row.own_persona = PersonaId(query.text(11));
  return row;
}

std::optional<DecisionRow> first_decision(Query& query) {
  if (!query.step()) return std::nullopt;
  return read_decision(query);
}

std::vector<FeedbackRow> read_feedback(Query& query) {
  std::vector<FeedbackRow> rows;
  while (query.step()) {
    rows.push_back(FeedbackRow{query.text(0), DecisionId(query.text(1)), query.text(2),
                               query.optional_number(3), query.text(4), query.integer(5),
                               query.integer(6)});
  }
  return rows;
}

Status check_feedback(const FeedbackRow& feedback) {
  KITH_RETURN_IF_ERROR(check_row_id(feedback.key, "feedback key"));
  KITH_RETURN_IF_ERROR(check_row_id(feedback.decision.str(), "decision id"));
  KITH_RETURN_IF_ERROR(check_row_id(feedback.kind, "feedback kind"));
  if (feedback.value && !std::isfinite(*feedback.value)) {
    return Error{ErrorCode::kInvalidArgument, "feedback value must be finite"};
  }
  return {};
}

}  // namespace

Status SqliteDecisionStore::put(const Scope& scope, const DecisionRow& decision) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(decision.id.str(), "decision id"));
  if (!(decision.probability > 0.0 && decision.probability <= 1.0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "decision probability must be in (0, 1]: " + std::to_string(decision.probability)};
  }
  return database_.write([&](Session& session) -> Status {
    std::optional<DecisionRow> stored;
    {
      Query query = session.query(KITH_DECISION_COLUMNS "WHERE tenant = ? AND decision = ?");
      stored = first_decision(query.bind(scope.tenant, decision.id));
    }
    if (stored) {
      DecisionRow expected = decision;
      expected.user = scope.user;
      if (*stored == expected) return {};
      return Error{ErrorCode::kConflict, "the decision id is taken"};
    }
    ensure_user(session, scope, decision.at);
    session.query("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)")
        .bind(scope.tenant, scope.user, decision.id, decision.conversation, decision.completion,
              decision.at, decision.persona, decision.adapter, decision.chosen,
              decision.probability, decision.document, decision.adapter_version,
              decision.own_persona)
        .run();
    return {};
  });
}

Result<std::optional<DecisionRow>> SqliteDecisionStore::find(const Scope& scope,
                                                             const DecisionId& id) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<DecisionRow>> {
    Query query =
        session.query(KITH_DECISION_COLUMNS "WHERE tenant = ? AND user = ? AND decision = ?");
    return first_decision(query.bind(scope.tenant, scope.user, id));
  });
}

Result<std::optional<DecisionRow>> SqliteDecisionStore::find_completion(
    const Scope& scope, const std::string& completion) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<DecisionRow>> {
    Query query = session.query(KITH_DECISION_COLUMNS
                                "WHERE tenant = ? AND user = ? AND completion = ? "
                                "AND completion <> '' ORDER BY at DESC LIMIT 1");
    return first_decision(query.bind(scope.tenant, scope.user, completion));
  });
}

Result<std::optional<DecisionRow>> SqliteDecisionStore::find_in_tenant(const TenantScope& scope,
                                                                       const DecisionId& id) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<DecisionRow>> {
    Query query = session.query(KITH_DECISION_COLUMNS "WHERE tenant = ? AND decision = ?");
    return first_decision(query.bind(scope.tenant, id));
  });
}

Result<std::vector<DecisionRow>> SqliteDecisionStore::list(const Scope& scope, std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<DecisionRow>> {
    std::vector<DecisionRow> rows;
    Query query = session.query(KITH_DECISION_COLUMNS
                                "WHERE tenant = ? AND user = ? "
                                "ORDER BY at DESC, decision DESC LIMIT ?");
    query.bind(scope.tenant, scope.user, limit);
    while (query.step()) rows.push_back(read_decision(query));
    return rows;
  });
}

Result<bool> SqliteDecisionStore::set_shadow(const Scope& scope, const DecisionId& id,
                                             const std::string& shadow) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  if (!base::parse_json(shadow)) {
    return Error{ErrorCode::kInvalidArgument, "a shadow answer must be JSON"};
  }
  return database_.write([&](Session& session) -> Result<bool> {
    return session
               .query(
                   "UPDATE decisions SET document = json_set(document, '$.shadow', json(?1)), "
                   "shadow_version = coalesce(json_extract(?1, '$.version'), 0) "
                   "WHERE tenant = ?2 AND user = ?3 AND decision = ?4")
               .bind(shadow, scope.tenant, scope.user, id)
               .run() > 0;
  });
}

Result<bool> SqliteFeedbackStore::add(const Scope& scope, const FeedbackRow& feedback) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_feedback(feedback));
  return database_.write([&](Session& session) -> Result<bool> {
    ensure_user(session, scope, feedback.received_at);
    return session.query("INSERT OR IGNORE INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
               .bind(scope.tenant, scope.user, feedback.key, feedback.decision, feedback.kind,
                     feedback.value, feedback.text, feedback.at, feedback.received_at)
               .run() > 0;
  });
}

Result<std::vector<FeedbackRow>> SqliteFeedbackStore::list_decision(const Scope& scope,
                                                                    const DecisionId& decision) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<FeedbackRow>> {
    Query query = session.query(KITH_FEEDBACK_COLUMNS
                                "WHERE tenant = ? AND user = ? AND decision = ? ORDER BY at, key");
    return read_feedback(query.bind(scope.tenant, scope.user, decision));
  });
}

Result<std::vector<FeedbackRow>> SqliteFeedbackStore::list(const Scope& scope, std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<FeedbackRow>> {
    Query query = session.query(KITH_FEEDBACK_COLUMNS
                                "WHERE tenant = ? AND user = ? ORDER BY at DESC, key LIMIT ?");
    return read_feedback(query.bind(scope.tenant, scope.user, limit));
  });
}

}  // namespace kith::storage::sqlite
