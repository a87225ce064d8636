#include "kith/server/routes.h"

#include <array>
#include <string>

#include "kith/base/log.h"

namespace kith::server {
namespace {

constexpr auto kPublic = Access::kPublic;
constexpr auto kEndUser = Access::kEndUser;
constexpr auto kOperator = Access::kOperator;
constexpr auto kInline = Lane::kInline;
constexpr auto kCall = Lane::kCall;
constexpr auto kNone = BodyKind::kNone;
constexpr auto kJson = BodyKind::kJson;

constexpr std::array kRoutes{
    Route{"POST", "/v1/chat/completions", kEndUser, Lane::kGeneration, kJson, nullptr,
          post_chat_completions},
    Route{"POST", "/v1/embeddings", kEndUser, Lane::kGeneration, kJson, post_embeddings, nullptr},
    Route{"POST", "/v1/completions", kEndUser, Lane::kGeneration, kJson, nullptr, post_completions},
    Route{"GET", "/lora-adapters", kEndUser, kCall, kNone, get_lora_adapters, nullptr},
    Route{"GET", "/v1/models", kEndUser, kCall, kNone, get_models, nullptr},
    Route{"GET", "/v1/models/{id}", kEndUser, kCall, kNone, get_model, nullptr},
    Route{"POST", "/v1/load_lora_adapter", kOperator, kCall, kJson, post_load_adapter, nullptr},
    Route{"POST", "/v1/unload_lora_adapter", kOperator, kCall, kJson, post_unload_adapter, nullptr},
    Route{"POST", "/v1/feedback", kEndUser, kCall, kJson, post_feedback, nullptr},
    Route{"GET", "/v1/users", kOperator, kCall, kNone, get_users, nullptr},
    Route{"GET", "/v1/users/{id}", kEndUser, kCall, kNone, get_user, nullptr},
    Route{"PUT", "/v1/users/{id}", kEndUser, kCall, kJson, put_user, nullptr},
    Route{"DELETE", "/v1/users/{id}", kEndUser, kCall, kNone, delete_user, nullptr},
    Route{"GET", "/v1/users/{id}/profile", kEndUser, kCall, kNone, get_user_profile, nullptr},
    Route{"GET", "/v1/users/{id}/export", kEndUser, kCall, kNone, get_user_export, nullptr},
    Route{"GET", "/v1/users/{id}/timeline", kEndUser, kCall, kNone, get_user_timeline, nullptr},
    Route{"GET", "/v1/users/{id}/embedding", kEndUser, kCall, kNone, get_user_embedding, nullptr},
    Route{"GET", "/v1/users/{id}/similar", kOperator, kCall, kNone, get_similar_users, nullptr},
    Route{"GET", "/v1/users/{id}/next", kEndUser, kCall, kNone, get_next_values, nullptr},
    Route{"GET", "/v1/user-map", kOperator, kCall, kNone, get_user_map, nullptr},
    Route{"POST", "/v1/user-cohort", kOperator, kCall, kJson, post_user_cohort, nullptr},
    Route{"GET", "/v1/decisions/{id}", kEndUser, kCall, kNone, get_decision, nullptr},
    Route{"POST", "/v1/import/{kind}", kOperator, kCall, BodyKind::kRecords, post_import, nullptr},
    Route{"GET", "/v1/knowledge/{id}", kEndUser, kCall, kNone, get_document, nullptr},
    Route{"GET", "/v1/personas", kEndUser, kCall, kNone, get_personas, nullptr},
    Route{"GET", "/v1/personas/{id}/stats", kOperator, kCall, kNone, get_persona_stats, nullptr},
    Route{"GET", "/v1/personas/{id}/versions", kOperator, kCall, kNone, get_versions, nullptr},
    Route{"GET", "/v1/personas/{id}/versions/{version}/shadow", kOperator, kCall, kNone, get_shadow,
          nullptr},
    Route{"POST", "/v1/personas/{id}/promote", kOperator, kCall, kJson, post_promote, nullptr},
    Route{"POST", "/v1/personas/{id}/rollback", kOperator, kCall, kJson, post_rollback, nullptr},
    Route{"POST", "/v1/personas/{id}/try", kOperator, kCall, kJson, post_try, nullptr},
    Route{"POST", "/v1/personas/{id}/withdraw", kOperator, kCall, kJson, post_withdraw, nullptr},
    Route{"POST", "/v1/personas/{id}/gate", kOperator, kCall, kJson, post_gate, nullptr},
    Route{"POST", "/v1/personas/{id}/register", kOperator, kCall, kJson, post_register, nullptr},
    Route{"GET", "/healthz", kPublic, kInline, kNone, get_healthz, nullptr},
    Route{"GET", "/readyz", kPublic, kInline, kNone, get_readyz, nullptr},
    Route{"GET", "/metrics", kPublic, kCall, kNone, get_metrics, nullptr},
    Route{"GET", "/openapi.json", kPublic, kInline, kNone, get_openapi, nullptr},
};

}  // namespace

std::span<const Route> all_routes() { return kRoutes; }

std::optional<std::vector<std::string>> match_pattern(std::string_view pattern,
                                                      const std::vector<std::string>& segments) {
  std::vector<std::string> params;
  std::size_t next = 0;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the slash
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    const std::string_view part = pattern.substr(0, end);
    pattern.remove_prefix(end);
    if (next == segments.size()) return std::nullopt;
    const std::string& segment = segments[next++];
    if (part.starts_with('{')) {
      params.push_back(segment);
    } else if (part != segment) {
      return std::nullopt;
    }
  }
  if (next != segments.size()) return std::nullopt;
  return params;
}

api::ApiError explain(const Error& error, const Call& call) {
  api::ApiError told = api::to_api_error(error);
  if (told.status >= 500) base::log_error("request " + call.request.id + ": " + error.message);
  return told;
}

}  // namespace kith::server
