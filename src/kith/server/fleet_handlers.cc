// /v1/personas/{id}/stats: figures of a persona's fleet of users.
#include "kith/base/json.h"
#include "kith/persona/fleet_document.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

std::string query_text(const Call& call, const std::string& name) {
  const auto found = call.request.query.find(name);
  return found == call.request.query.end() ? std::string() : found->second;
}

}  // namespace

api::Outcome<HttpResponse> get_persona_stats(const Context& context, const Call& call) {
  auto tenant = resolve_tenant(call.request, call.principal);
  if (!tenant) return std::move(tenant).error();
  const PersonaId persona(call.params[0]);
  if (context.services.pipeline.catalogue().find_persona(persona) == nullptr) {
    return api::not_found("there is no such persona");
  }
  const persona::FleetSpan span{query_text(call, "from"), query_text(call, "to"),
                                query_text(call, "bucket")};
  const auto query = persona::to_fleet_query(persona, span, context.services.clock.now());
  if (!query) return explain(query.error(), call);
  const auto figures =
      context.services.stores.fleet().figures(storage::TenantScope{*tenant}, *query);
  if (!figures) return explain(figures.error(), call);
  return json_response(
      base::dump_json(persona::fleet_json(*query, *figures, context.options.min_fleet_users)));
}

}  // namespace kith::server
