// The table of routes. Internal to server.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kith/server/application.h"

namespace kith::server {

enum class Access : std::uint8_t { kPublic, kEndUser, kOperator };
// Where a handler runs: on the network thread (if it never waits), or among which workers.
enum class Lane : std::uint8_t { kInline, kCall, kGeneration };
enum class BodyKind : std::uint8_t { kNone, kJson, kRecords };

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/users/{id}"
  Access access;
  Lane lane;
  BodyKind body;
  // One of the two. `stream` writes its answer itself.
  api::Outcome<HttpResponse> (*reply)(const Context&, const Call&);
  void (*stream)(const Context&, const Call&);
};

std::span<const Route> all_routes();

// The parameters if `segments` fit the pattern.
std::optional<std::vector<std::string>> match_pattern(std::string_view pattern,
                                                      const std::vector<std::string>& segments);

// For handlers: what to tell the client; the server's own failures are logged with the request's
// id.
api::ApiError explain(const Error& error, const Call& call);

// The handlers.
void post_chat_completions(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_embeddings(const Context& context, const Call& call);
void post_completions(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_lora_adapters(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_persona_stats(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_models(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_model(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_feedback(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_load_adapter(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_unload_adapter(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_users(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_user(const Context& context, const Call& call);
api::Outcome<HttpResponse> put_user(const Context& context, const Call& call);
api::Outcome<HttpResponse> delete_user(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_user_profile(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_user_export(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_user_timeline(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_user_embedding(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_similar_users(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_next_values(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_user_map(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_user_cohort(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_decision(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_import(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_document(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_personas(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_versions(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_shadow(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_promote(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_rollback(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_try(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_withdraw(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_gate(const Context& context, const Call& call);
api::Outcome<HttpResponse> post_register(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_healthz(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_readyz(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_metrics(const Context& context, const Call& call);
api::Outcome<HttpResponse> get_openapi(const Context& context, const Call& call);

}  // namespace kith::server
