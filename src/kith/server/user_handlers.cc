// /v1/users and what belongs to one user.
#include <charconv>
#include <utility>

#include "kith/api/records.h"
#include "kith/base/json.h"
#include "kith/profile/consent.h"
#include "kith/profile/erase.h"
#include "kith/profile/export.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

constexpr std::size_t kDefaultPage = 100;
constexpr std::size_t kMaxPage = 1000;
// Changes of persona that a profile tells of, newest first.
constexpr std::size_t kMaxChanges = 20;

api::UserView to_view(const storage::UserRow& row) {
  api::UserView view;
  view.id = row.id.str();
  view.attributes = row.attributes;
  view.created_at = base::to_iso8601(row.created_at);
  view.updated_at = base::to_iso8601(row.updated_at);
  return view;
}

std::string to_json(const std::vector<persona::Evidence>& evidence) {
  base::Json list = base::Json::array();
  for (const auto& reason : evidence) {
    list.push_back({{"persona", reason.persona.str()},
                    {"source", reason.source},
                    {"detail", reason.detail},
                    {"weight", reason.weight}});
  }
  return base::dump_json(list);
}

std::string to_json(const std::vector<storage::EventRow>& changes) {
  base::Json list = base::Json::array();
  for (const auto& change : changes) {
    const auto document = base::parse_json(change.document);
    base::Json item = document && document->is_object() ? *document : base::Json::object();
    item.erase("schema");
    item["at"] = base::to_iso8601(change.at);
    list.push_back(std::move(item));
  }
  return base::dump_json(list);
}

// What an answer to this user would start from: attributes, and the words kept from earlier
// messages. Left out without consent.
Status add_persona(const Context& context, const storage::Scope& scope, const storage::UserRow& row,
                   bool with_evidence, api::UserView& view) {
  auto& stores = context.services.stores;
  const auto& assigner = context.services.assigner;
  if (!assigner || !profile::is_allowed(stores.consents(), scope, storage::kConsentPersonalize)) {
    return {};
  }
  KITH_ASSIGN_OR_RETURN(const auto stored, stores.personas().find(scope));
  const auto state = stored ? assigner->from_row(*stored) : persona::AssignmentState{};
  const persona::UserFacts facts{.attributes = row.attributes,
                                 .recorded_at = row.recorded_at,
                                 .context = {},
                                 .now = context.services.clock.now()};
  const persona::Assignment assignment = assigner->assign(facts, state);
  for (const auto& weight : assignment.weights) {
    view.persona.emplace_back(weight.persona.str(), weight.probability);
  }
  view.abstain = assignment.abstain;
  if (!with_evidence) return {};
  view.evidence = to_json(assignment.evidence);
  KITH_ASSIGN_OR_RETURN(const auto changes,
                        stores.events().list(scope, storage::kEventPersonaChanged, kMaxChanges));
  if (!changes.empty()) view.persona_changes = to_json(changes);
  return {};
}

Status add_consent(const Context& context, const storage::Scope& scope, api::UserView& view) {
  KITH_ASSIGN_OR_RETURN(const auto rows, context.services.stores.consents().list(scope));
  for (const auto& row : rows) view.consent[row.purpose] = row.granted;
  return {};
}

// Errors: kNotFound if there is no such user; those of the stores.
Result<api::UserView> load_user(const Context& context, const storage::Scope& scope,
                                bool with_persona) {
  KITH_ASSIGN_OR_RETURN(const auto row, context.services.stores.users().find(scope));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such user"};
  api::UserView view = to_view(*row);
  KITH_RETURN_IF_ERROR(add_consent(context, scope, view));
  if (with_persona) KITH_RETURN_IF_ERROR(add_persona(context, scope, *row, true, view));
  return view;
}

api::Outcome<HttpResponse> reply_user(const Context& context, const Call& call, bool with_persona) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  const auto view = load_user(context, *scope, with_persona);
  if (!view) return explain(view.error(), call);
  return json_response(api::user_body(*view));
}

api::Outcome<std::size_t> page_size(const HttpRequest& request) {
  const auto found = request.query.find("limit");
  if (found == request.query.end()) return kDefaultPage;
  const std::string& text = found->second;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && limit >= 1 && limit <= kMaxPage) return limit;
  return api::bad_request("limit must be a number in [1, 1000]", "limit");
}

Status store_update(const Context& context, const storage::Scope& scope,
                    const api::UserUpdate& update) {
  auto& stores = context.services.stores;
  const auto now = context.services.clock.now();
  storage::Attributes attributes;
  if (update.attributes) {
    attributes = *update.attributes;
  } else {
    KITH_ASSIGN_OR_RETURN(const auto row, stores.users().find(scope));
    if (row) attributes = row->attributes;
  }
  KITH_RETURN_IF_ERROR(stores.users().upsert(scope, attributes, now));
  for (const auto& [purpose, granted] : update.consent) {
    KITH_RETURN_IF_ERROR(stores.consents().set(scope, purpose, granted, now));
  }
  if (update.attributes && context.services.newcomers != nullptr) {
    context.services.newcomers->begin(scope.tenant_scope());
  }
  const bool looks_again = update.attributes && context.services.learner != nullptr;
  return looks_again ? context.services.learner->learn(scope, {}) : Status();
}

}  // namespace

api::Outcome<HttpResponse> get_users(const Context& context, const Call& call) {
  auto tenant = resolve_tenant(call.request, call.principal);
  if (!tenant) return std::move(tenant).error();
  const auto limit = page_size(call.request);
  if (!limit) return limit.error();
  const auto after = call.request.query.find("after");
  const UserId last(after == call.request.query.end() ? std::string() : after->second);
  const auto rows =
      context.services.stores.users().list(storage::TenantScope{*tenant}, last, *limit);
  if (!rows) return explain(rows.error(), call);
  std::vector<api::UserView> views;
  for (const storage::UserRow& row : *rows) {
    views.push_back(to_view(row));
    const Status status =
        add_persona(context, storage::Scope{*tenant, row.id}, row, false, views.back());
    if (!status) return explain(status.error(), call);
  }
  const bool is_full = rows->size() == *limit;
  return json_response(api::users_body(views, is_full ? rows->back().id.str() : std::string()));
}

api::Outcome<HttpResponse> get_user(const Context& context, const Call& call) {
  return reply_user(context, call, false);
}

api::Outcome<HttpResponse> get_user_profile(const Context& context, const Call& call) {
  return reply_user(context, call, true);
}

api::Outcome<HttpResponse> put_user(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  auto update = api::parse_user_update(call.request.body);
  if (!update) return std::move(update).error();
  // Attributes decide which documents a user may read: nobody raises their own rights.
  if (update->attributes && !call.principal.is_operator()) {
    return api::forbidden("attributes are set with an operator's key", "attributes");
  }
  const Status stored = store_update(context, *scope, *update);
  if (!stored) return explain(stored.error(), call);
  return reply_user(context, call, false);
}

api::Outcome<HttpResponse> delete_user(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  if (context.services.forget_elsewhere) {
    const Status forgotten = context.services.forget_elsewhere(*scope);
    if (!forgotten) return explain(forgotten.error(), call);
  }
  const auto receipt = context.services.pipeline.erase_user(*scope);
  if (!receipt) return explain(receipt.error(), call);
  return json_response(profile::to_json(*receipt));
}

api::Outcome<HttpResponse> get_user_export(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  auto document = profile::export_user(context.services.stores, *scope, context.services.clock);
  if (!document) return explain(document.error(), call);
  HttpResponse response = json_response(*std::move(document));
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"kith-export.json\"");
  return response;
}

}  // namespace kith::server
