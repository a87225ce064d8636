// /v1/personas/{id}/versions and what changes which of them serves.
#include "kith/api/version_orders.h"
#include "kith/base/json.h"
#include "kith/persona/version_document.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

using storage::AdapterVersionRow;

// The service, or why there is none.
api::Outcome<VersionService*> service_of(const Context& context) {
  if (context.services.versions != nullptr) return context.services.versions;
  return api::not_found("this server has no adapters of its own, so none have versions");
}

struct Target {
  VersionService* service = nullptr;
  AdapterId adapter;
};

// Whose versions the path names.
api::Outcome<Target> target_of(const Context& context, const Call& call) {
  auto service = service_of(context);
  if (!service) return std::move(service).error();
  auto adapter = (*service)->adapter_of(call.params[0]);
  if (!adapter) return explain(adapter.error(), call);
  return Target{*service, *std::move(adapter)};
}

api::Outcome<HttpResponse> tell(const Result<AdapterVersionRow>& row, const Call& call) {
  if (!row) return explain(row.error(), call);
  return json_response(base::dump_json(persona::to_json(*row)));
}

persona::ChangeOrder order_of(const Call& call, const std::string& reason) {
  return {call.principal.name, reason};
}

}  // namespace

api::Outcome<HttpResponse> get_versions(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  const auto rows = target->service->list(target->adapter);
  if (!rows) return explain(rows.error(), call);
  const auto history = target->service->history(target->adapter);
  if (!history) return explain(history.error(), call);
  return json_response(
      base::dump_json(persona::versions_json(call.params[0], target->adapter, *rows, *history)));
}

api::Outcome<HttpResponse> post_promote(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  auto order = api::parse_version_order(call.request.body);
  if (!order) return std::move(order).error();
  return tell(
      target->service->promote({target->adapter, order->version}, order_of(call, order->reason)),
      call);
}

api::Outcome<HttpResponse> post_rollback(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  auto reason = api::parse_rollback(call.request.body);
  if (!reason) return std::move(reason).error();
  return tell(target->service->rollback(target->adapter, order_of(call, *reason)), call);
}

api::Outcome<HttpResponse> post_try(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  auto trial = api::parse_trial_order(call.request.body);
  if (!trial) return std::move(trial).error();
  const auto as =
      trial->is_canary ? storage::VersionStatus::kCanary : storage::VersionStatus::kShadow;
  return tell(target->service->try_on({target->adapter, trial->order.version}, as, trial->share,
                                      order_of(call, trial->order.reason)),
              call);
}

api::Outcome<HttpResponse> post_withdraw(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  auto order = api::parse_version_order(call.request.body);
  if (!order) return std::move(order).error();
  return tell(
      target->service->withdraw({target->adapter, order->version}, order_of(call, order->reason)),
      call);
}

api::Outcome<HttpResponse> post_gate(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  auto result = api::parse_gate_result(call.request.body);
  if (!result) return std::move(result).error();
  return tell(target->service->set_gate({target->adapter, result->version}, result->passed,
                                        result->document, call.principal.name),
              call);
}

api::Outcome<HttpResponse> post_register(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  return tell(target->service->register_training(target->adapter), call);
}

}  // namespace kith::server
