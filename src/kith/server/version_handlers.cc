// /v1/personas/{id}/versions, what a shadow said, and what changes which of them serves.
#include <charconv>
#include <limits>

#include "kith/api/version_orders.h"
#include "kith/base/json.h"
#include "kith/persona/version_document.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

using storage::AdapterVersionRow;

constexpr int kMaxExamples = 20;

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

api::Outcome<int> read_count(const std::string& text, const char* name, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && value >= low && value <= high) return value;
  return api::bad_request(std::string(name) + " must be a number in [" + std::to_string(low) +
                              ", " + std::to_string(high) + "]",
                          name);
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

api::Outcome<HttpResponse> get_shadow(const Context& context, const Call& call) {
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  auto version = read_count(call.params[1], "version", 1, std::numeric_limits<int>::max());
  if (!version) return std::move(version).error();
  const auto asked = call.request.query.find("examples");
  auto examples = read_count(asked == call.request.query.end() ? "0" : asked->second, "examples", 0,
                             kMaxExamples);
  if (!examples) return std::move(examples).error();
  auto tenant = resolve_tenant(call.request, call.principal);
  if (!tenant) return std::move(tenant).error();
  const auto judgement = target->service->judge_shadow(
      {target->adapter, *version}, {static_cast<std::size_t>(*examples), *tenant});
  if (!judgement) return explain(judgement.error(), call);
  return json_response(base::dump_json(persona::to_json(*judgement)));
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
  auto service = service_of(context);
  if (!service) return std::move(service).error();
  auto order = api::parse_register_order(call.request.body);
  if (!order) return std::move(order).error();
  if (!order->incoming.empty()) {
    return tell((*service)->register_incoming(call.params[0], order->incoming, order->parents,
                                              order_of(call, order->reason)),
                call);
  }
  auto target = target_of(context, call);
  if (!target) return std::move(target).error();
  return tell(target->service->register_training(target->adapter), call);
}

}  // namespace kith::server
