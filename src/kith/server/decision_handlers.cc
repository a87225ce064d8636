// Decisions and the feedback on them.
#include <algorithm>
#include <utility>

#include "kith/api/feedback.h"
#include "kith/api/records.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

using DecisionResult = Result<std::optional<storage::DecisionRow>>;

// An operator finds a decision by its id alone; others only among those of the user they act for.
DecisionResult find_decision(const Context& context, const Call& call, const storage::Scope& scope,
                             const DecisionId& id) {
  auto& decisions = context.services.stores.decisions();
  if (call.principal.is_operator()) return decisions.find_in_tenant(scope.tenant_scope(), id);
  if (scope.user.empty()) return std::optional<storage::DecisionRow>();
  return decisions.find(scope, id);
}

api::DecisionView to_view(const storage::DecisionRow& row) {
  api::DecisionView view;
  view.id = row.id.str();
  view.user = row.user.str();
  view.conversation = row.conversation.str();
  view.completion = row.completion;
  view.at = base::to_iso8601(row.at);
  view.persona = row.persona.str();
  view.adapter = row.adapter.str();
  view.adapter_version = row.adapter_version;
  view.chosen = row.chosen;
  view.probability = row.probability;
  view.document = row.document;
  return view;
}

// For whom this piece of feedback is. An operator need not say so if the decision tells.
api::Outcome<storage::Scope> scope_of_item(const Context& context, const Call& call,
                                           const api::FeedbackItem& item) {
  NamedUser named;
  named.kith_user = item.user;
  auto scope = resolve_scope(call.request, call.principal, named, context.options.trusted_peers);
  if (!scope || !scope->user.empty()) return scope;
  if (call.principal.is_operator() && !item.decision.empty()) {
    const auto row = find_decision(context, call, *scope, DecisionId(item.decision));
    if (!row) return explain(row.error(), call);
    if (!*row) return api::not_found("there is no such decision");
    scope->user = (*row)->user;
    return scope;
  }
  return api::bad_request("user is required", "user");
}

api::Outcome<personalize::FeedbackOutcome> record(const Context& context, const Call& call,
                                                  api::FeedbackItem item) {
  auto scope = scope_of_item(context, call, item);
  if (!scope) return std::move(scope).error();
  personalize::FeedbackRequest request;
  request.scope = *std::move(scope);
  request.decision = DecisionId(item.decision);
  request.completion = std::move(item.completion);
  request.key = std::move(item.key);
  for (api::FeedbackSignal& signal : item.signals) {
    request.signals.push_back(
        {std::move(signal.kind), signal.value, std::move(signal.text), signal.at_micros});
  }
  auto outcome = context.services.feedback.record(request);
  if (!outcome) return explain(outcome.error(), call);
  return *std::move(outcome);
}

}  // namespace

api::Outcome<HttpResponse> get_decision(const Context& context, const Call& call) {
  auto scope =
      resolve_scope(call.request, call.principal, NamedUser{}, context.options.trusted_peers);
  if (!scope) return std::move(scope).error();
  const auto row = find_decision(context, call, *scope, DecisionId(call.params[0]));
  if (!row) return explain(row.error(), call);
  if (!*row) return api::not_found("there is no such decision");
  api::DecisionView view = to_view(**row);
  const auto feedback = context.services.stores.feedback().list_decision(
      storage::Scope{scope->tenant, (*row)->user}, (*row)->id);
  if (!feedback) return explain(feedback.error(), call);
  for (const auto& signal : *feedback) {
    view.feedback.push_back({signal.kind, signal.value, signal.text, base::to_iso8601(signal.at)});
  }
  return json_response(api::decision_body(view));
}

api::Outcome<HttpResponse> post_feedback(const Context& context, const Call& call) {
  auto parsed = api::parse_feedback(call.request.body);
  if (!parsed) return std::move(parsed).error();
  api::FeedbackAnswer answer;
  for (std::size_t i = 0; i < parsed->items.size(); ++i) {
    auto outcome = record(context, call, std::move(parsed->items[i]));
    if (!outcome) {
      if (!parsed->is_batch) return std::move(outcome).error();
      answer.failures.push_back({i, std::move(outcome).error()});
      continue;
    }
    for (const DecisionId& decision : outcome->applied_to) {
      answer.applied_to.push_back(decision.str());
    }
    answer.num_added += outcome->num_added;
  }
  context.services.metrics.on_feedback(answer.num_added);
  return json_response(api::feedback_body(answer));
}

}  // namespace kith::server
