// /v1/load_lora_adapter and /v1/unload_lora_adapter, as vLLM has them: success is plain text.
// /lora-adapters, as llama-server has it.
#include "kith/api/records.h"
#include "kith/server/routes.h"

namespace kith::server {
namespace {

HttpResponse success(const std::string& name, const char* what) {
  HttpResponse response;
  response.status = 200;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "Success: LoRA adapter '" + name + "' " + what + " successfully.";
  return response;
}

// Names the member that the generator's message begins with.
api::ApiError explain_order(const Error& error, const Call& call) {
  api::ApiError told = explain(error, call);
  for (const char* member : {"lora_name", "lora_path"}) {
    if (told.message.starts_with(member)) told.param = member;
  }
  return told;
}

bool is_embedding_model(const Context& context, const std::string& name) {
  const EmbeddingService* embeddings = context.services.embeddings;
  return embeddings != nullptr && !embeddings->is_upstream() && embeddings->model() == name;
}

}  // namespace

api::Outcome<HttpResponse> post_load_adapter(const Context& context, const Call& call) {
  auto order = api::parse_load_adapter(call.request.body);
  if (!order) return std::move(order).error();
  if (is_embedding_model(context, order->name)) {
    return api::bad_request("lora_name must not be that of a model: " + order->name, "lora_name");
  }
  auto done =
      context.services.generator.load_adapter(AdapterId(order->name), order->path, order->replaces);
  if (!done) return explain_order(done.error(), call);
  return success(order->name, "added");
}

api::Outcome<HttpResponse> post_unload_adapter(const Context& context, const Call& call) {
  auto order = api::parse_unload_adapter(call.request.body);
  if (!order) return std::move(order).error();
  auto done = context.services.generator.unload_adapter(AdapterId(order->name));
  if (!done) {
    api::ApiError told = explain(done.error(), call);
    if (told.status == 404) told.param = "lora_name";
    return told;
  }
  return success(order->name, "removed");
}

api::Outcome<HttpResponse> get_lora_adapters(const Context& context, const Call&) {
  std::vector<api::AdapterView> views;
  for (const auto& adapter : context.services.generator.loaded_adapters()) {
    views.push_back({adapter.number, adapter.id.str(), adapter.path});
  }
  return json_response(api::lora_adapters_body(views));
}

}  // namespace kith::server
