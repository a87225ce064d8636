// POST /v1/embeddings.
#include <chrono>
#include <utility>

#include "kith/server/embedding_service.h"
#include "kith/server/identity.h"
#include "kith/server/routes.h"
#include "kith/server/unknown_fields.h"

namespace kith::server {
namespace {

// What the own model cannot honour.
std::optional<api::ApiError> check(const Context& context, const api::EmbeddingsRequest& request) {
  const EmbeddingService& service = *context.services.embeddings;
  if (service.is_upstream()) return std::nullopt;
  if (auto refusal = refuse_unknown(context.options, request.unknown)) return refusal;
  if (request.dimensions && *request.dimensions > service.dimensions()) {
    return api::bad_request("dimensions must be in [1, " + std::to_string(service.dimensions()) +
                                "]: " + std::to_string(*request.dimensions),
                            "dimensions");
  }
  return std::nullopt;
}

api::Outcome<api::EmbeddingsRequest> prepare(const Context& context, const Call& call) {
  auto request = api::parse_embeddings_request(call.request.body);
  if (!request) return std::move(request).error();
  // Nothing is kept about the user, but a key that belongs to one must not name another.
  NamedUser named;
  named.user = request->user;
  const auto scope =
      resolve_scope(call.request, call.principal, named, context.options.trusted_peers);
  if (!scope) return scope.error();
  if (context.services.embeddings == nullptr) {
    return api::not_found(
        "no embedding model is served here: start the server with --embedding-model DIR "
        "(embedding.model) or with --upstream URL",
        "model_not_found");
  }
  if (auto refusal = check(context, *request)) return *std::move(refusal);
  return request;
}

}  // namespace

api::Outcome<HttpResponse> post_embeddings(const Context& context, const Call& call) {
  const auto request = prepare(context, call);
  if (!request) return request.error();
  const auto& clock = context.services.clock;
  const auto started = clock.monotonic();
  auto reply = context.services.embeddings->embed(*request, call.writer.cancel_token());
  if (!reply) {
    api::ApiError told = explain(reply.error(), call);
    if (told.status == 400) told.param = "input";
    return told;
  }
  const std::chrono::duration<double> seconds = clock.monotonic() - started;
  context.services.metrics.on_embeddings(request->inputs.size(), reply->tokens, seconds.count());
  HttpResponse response = json_response(std::move(reply->body));
  if (!context.services.embeddings->is_upstream()) tell_ignored(request->unknown, response.headers);
  return response;
}

}  // namespace kith::server
