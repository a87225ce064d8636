// Models, personas, documents, health and the description of the interface.
#include <algorithm>
#include <utility>

#include "kith/api/openapi.h"
#include "kith/api/records.h"
#include "kith/persona/entitlement.h"
#include "kith/server/identity.h"
#include "kith/server/model_choice.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

// The base model first, then its adapters in order of name, then the embedding model.
std::vector<api::ModelCard> list_models(const Context& context) {
  const auto& generator = context.services.generator;
  const std::string base = generator.capabilities().model;
  const std::int64_t created = context.started_at / kMicrosPerSecond;
  std::vector<api::ModelCard> cards{{base, created, "kith", {}}};
  auto adapters = generator.adapter_names();
  std::sort(adapters.begin(), adapters.end());
  for (const AdapterId& adapter : adapters) cards.push_back({adapter.str(), created, "kith", base});
  const EmbeddingService* embeddings = context.services.embeddings;
  if (embeddings != nullptr && !embeddings->is_upstream()) {
    cards.push_back({embeddings->model(), created, "kith", {}});
  }
  return cards;
}

// The groups whose documents the user may read, as answers to them may cite.
std::vector<std::string> groups_of(const Context& context, const storage::Scope& scope) {
  std::vector<std::string> groups{storage::kAccessAll};
  const auto& assigner = context.services.assigner;
  if (scope.user.empty()) return groups;
  auto& stores = context.services.stores;
  const auto row = stores.users().find(scope);
  if (!row || !*row) return groups;
  const auto entitlement = persona::entitle(assigner.get(), (*row)->attributes);
  groups.insert(groups.end(), entitlement.groups.begin(), entitlement.groups.end());
  return groups;
}

api::PersonaView to_view(const persona::Persona& persona) {
  api::PersonaView view;
  view.id = persona.id.str();
  view.name = persona.name;
  view.description = persona.description;
  for (const persona::Need& need : persona.needs) view.needs.push_back(need.text);
  view.priority = std::string(to_string(persona.priority));
  view.knowledge = persona.knowledge;
  const persona::Escalation& escalation = persona.escalation;
  if (!escalation.empty()) {
    view.escalation = {{"name", escalation.name}, {"channel", escalation.channel}};
    if (!escalation.hours.empty()) view.escalation["hours"] = escalation.hours;
  }
  view.tone = persona.style.tone;
  view.format = persona.style.format;
  view.language = persona.style.language;
  view.length = std::string(to_string(persona.style.length));
  view.reading_level = persona.style.reading_level;
  view.adapter = persona.adapter.str();
  return view;
}

bool may_read(const storage::DocumentRow& document, const std::vector<std::string>& groups) {
  if (document.access.empty()) return true;
  return std::any_of(document.access.begin(), document.access.end(), [&](const auto& group) {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
  });
}

}  // namespace

api::Outcome<HttpResponse> get_models(const Context& context, const Call&) {
  return json_response(api::models_body(list_models(context)));
}

api::Outcome<HttpResponse> get_model(const Context& context, const Call& call) {
  const auto cards = list_models(context);
  for (const api::ModelCard& card : cards) {
    if (card.id == call.params[0]) return json_response(api::model_body(card));
  }
  const auto capabilities = context.services.generator.capabilities();
  if (capabilities.is_own_engine && is_base_model(capabilities, call.params[0])) {
    return json_response(api::model_body(cards.front()));
  }
  return api::not_found("there is no such model", "model_not_found");
}

api::Outcome<HttpResponse> get_personas(const Context& context, const Call&) {
  const auto& catalogue = context.services.pipeline.catalogue();
  std::vector<api::PersonaView> views;
  for (const persona::Persona& item : catalogue.personas()) views.push_back(to_view(item));
  return json_response(api::personas_body(views, catalogue.version()));
}

api::Outcome<HttpResponse> get_document(const Context& context, const Call& call) {
  auto scope =
      resolve_scope(call.request, call.principal, NamedUser{}, context.options.trusted_peers);
  if (!scope) return std::move(scope).error();
  auto row =
      context.services.stores.knowledge().find(scope->tenant_scope(), DocumentId(call.params[0]));
  if (!row) return explain(row.error(), call);
  // A document that may not be read is as if it were not there.
  const bool is_readable =
      *row && (call.principal.is_operator() || may_read(**row, groups_of(context, *scope)));
  if (!is_readable) return api::not_found("there is no such document");
  const storage::DocumentRow& document = **row;
  return json_response(
      api::document_body({document.id.str(), document.title, document.text, document.lang,
                          document.access, base::to_iso8601(document.updated_at)}));
}

api::Outcome<HttpResponse> get_healthz(const Context&, const Call&) {
  return json_response(R"({"status":"ok"})");
}

api::Outcome<HttpResponse> get_readyz(const Context& context, const Call&) {
  if (context.is_draining) return api::unavailable("the server is stopping");
  if (!context.services.generator.ready()) {
    return api::unavailable("the model is not ready");
  }
  return json_response(R"({"status":"ready"})");
}

api::Outcome<HttpResponse> get_metrics(const Context& context, const Call&) {
  HttpResponse response = json_response(context.services.metrics.to_text());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

api::Outcome<HttpResponse> get_openapi(const Context&, const Call&) {
  return json_response(api::openapi_document());
}

}  // namespace kith::server
