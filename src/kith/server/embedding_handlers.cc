// /v1/users/{id}/embedding, /similar and /next, /v1/user-cohort and /v1/user-map: what the user
// encoder says of users.
#include <charconv>

#include "kith/base/json.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

using base::OrderedJson;

constexpr std::size_t kMaxNeighbours = 100;
constexpr std::size_t kMaxCohort = 1000;
constexpr std::size_t kMaxPoints = 5000;

// A count of the query, or `absent`.
api::Outcome<std::size_t> count_of(const Call& call, const std::string& name, std::size_t absent,
                                   std::size_t most) {
  const auto found = call.request.query.find(name);
  if (found == call.request.query.end()) return absent;
  const std::string& text = found->second;
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && count >= 1 && count <= most) return count;
  return api::bad_request(name + " must be a number in [1, " + std::to_string(most) + "]", name);
}

api::ApiError no_encoder() {
  return api::not_found("this server has no user encoder: set user_encoder.directory");
}

OrderedJson to_json(const SimilarUsers& similar) {
  OrderedJson list = OrderedJson::array();
  for (const SimilarUser& user : similar.users) {
    OrderedJson item{{"id", user.user.str()}, {"cosine", user.cosine}};
    if (!user.persona.empty()) item["persona"] = user.persona.str();
    item["shared"] = user.shared;
    list.push_back(std::move(item));
  }
  return {{"object", "list"},
          {"encoder_version", similar.version},
          {"is_mean", similar.is_mean},
          {"data", std::move(list)}};
}

HttpResponse respond(const OrderedJson& body) { return json_response(base::dump_json(body)); }

api::Outcome<Cohort> read_cohort(const base::Json& body) {
  Cohort cohort;
  const auto persona = base::read_string(body, "persona");
  if (!persona) return api::bad_request(persona.error().message, "persona");
  if (*persona) cohort.persona = PersonaId(**persona);
  const auto users = body.find("users");
  if (users != body.end()) {
    if (!users->is_array() || users->size() > kMaxCohort) {
      return api::bad_request(
          "users must be a list of at most " + std::to_string(kMaxCohort) + " ids", "users");
    }
    for (const base::Json& user : *users) {
      if (!user.is_string()) return api::bad_request("users must hold texts", "users");
      cohort.users.emplace_back(user.get<std::string>());
    }
  }
  if (cohort.persona.empty() == cohort.users.empty()) {
    return api::bad_request("name either users or a persona", "users");
  }
  return cohort;
}

}  // namespace

api::Outcome<HttpResponse> get_user_embedding(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  auto* const service = context.services.user_embeddings;
  if (service == nullptr) return no_encoder();
  const auto found = service->find(*scope);
  if (!found) return explain(found.error(), call);
  if (!*found) return api::not_found("there is no embedding of this user");
  const UserEmbeddingView& view = **found;
  OrderedJson body{{"object", "user_embedding"},
                   {"user", scope->user.str()},
                   {"encoder_version", view.version},
                   {"num_events", view.num_events},
                   {"made_at", base::to_iso8601(view.made_at)}};
  if (view.last_event_at) body["last_event_at"] = base::to_iso8601(*view.last_event_at);
  body["is_current"] = view.is_current;
  if (view.num_mean_users > 0) {
    body["mean_of"] = {{"users", view.num_mean_users},
                       {"group", view.is_of_persona ? "persona" : "all"}};
  }
  body["num_latents"] = view.num_latents;
  body["embedding"] = view.vector;
  return respond(body);
}

api::Outcome<HttpResponse> get_similar_users(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  auto* const service = context.services.user_embeddings;
  if (service == nullptr) return no_encoder();
  const auto k = count_of(call, "k", 10, kMaxNeighbours);
  if (!k) return k.error();
  const auto similar = service->similar(*scope, *k);
  if (!similar) return explain(similar.error(), call);
  return respond(to_json(*similar));
}

api::Outcome<HttpResponse> post_user_cohort(const Context& context, const Call& call) {
  auto tenant = resolve_tenant(call.request, call.principal);
  if (!tenant) return std::move(tenant).error();
  auto* const service = context.services.user_embeddings;
  if (service == nullptr) return no_encoder();
  const auto body = base::parse_json(call.request.body);
  if (!body || !body->is_object())
    return api::bad_request("the body must be a JSON object", "body");
  const auto cohort = read_cohort(*body);
  if (!cohort) return cohort.error();
  const auto asked = base::read_integer(*body, "k");
  const std::int64_t k = asked ? asked->value_or(10) : 0;
  if (k < 1 || k > static_cast<std::int64_t>(kMaxNeighbours)) {
    return api::bad_request("k must be a number in [1, 100]", "k");
  }
  const auto similar =
      service->near_cohort(storage::TenantScope{*tenant}, *cohort, static_cast<std::size_t>(k));
  if (!similar) return explain(similar.error(), call);
  return respond(to_json(*similar));
}

api::Outcome<HttpResponse> get_next_values(const Context& context, const Call& call) {
  auto scope = scope_of_user(call.request, call.principal, call.params[0]);
  if (!scope) return std::move(scope).error();
  auto* const service = context.services.user_embeddings;
  if (service == nullptr) return no_encoder();
  const auto k = count_of(call, "k", 5, kMaxNeighbours);
  if (!k) return k.error();
  const auto features = service->features();
  const auto named = call.request.query.find("feature");
  if (named == call.request.query.end() && features.empty()) {
    return api::not_found("the encoder predicts nothing that has names");
  }
  const std::string feature = named == call.request.query.end() ? features.front() : named->second;
  const auto values = service->next_values(*scope, feature, *k);
  if (!values) return explain(values.error(), call);
  OrderedJson list = OrderedJson::array();
  for (const NextValue& value : *values) {
    list.push_back({{"value", value.value}, {"probability", value.probability}});
  }
  return respond({{"object", "list"}, {"feature", feature}, {"data", std::move(list)}});
}

api::Outcome<HttpResponse> get_user_map(const Context& context, const Call& call) {
  auto tenant = resolve_tenant(call.request, call.principal);
  if (!tenant) return std::move(tenant).error();
  auto* const service = context.services.user_embeddings;
  if (service == nullptr) return no_encoder();
  const auto limit = count_of(call, "limit", 2000, kMaxPoints);
  if (!limit) return limit.error();
  const auto map = service->map(storage::TenantScope{*tenant}, *limit);
  if (!map) return explain(map.error(), call);
  OrderedJson points = OrderedJson::array();
  for (const MapPoint& point : map->points) {
    OrderedJson item{{"id", point.user.str()}, {"x", point.place[0]}, {"y", point.place[1]}};
    if (!point.persona.empty()) item["persona"] = point.persona.str();
    points.push_back(std::move(item));
  }
  return respond({{"object", "list"},
                  {"encoder_version", map->version},
                  {"num_users", map->num_users},
                  {"data", std::move(points)}});
}

}  // namespace kith::server
