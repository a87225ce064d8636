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

}  // namespace

api::Outcome<HttpResponse> post_load_adapter(const Context& context, const Call& call) {
  auto order = api::parse_load_adapter(call.request.body);
  if (!order) return std::move(order).error();
  auto done =
      context.services.generator.load_adapter(AdapterId(order->name), order->path, order->replaces);
  if (!done) return explain(done.error(), call);
  return success(order->name, "added");
}

api::Outcome<HttpResponse> post_unload_adapter(const Context& context, const Call& call) {
  auto order = api::parse_unload_adapter(call.request.body);
  if (!order) return std::move(order).error();
  auto done = context.services.generator.unload_adapter(AdapterId(order->name));
  if (!done) return explain(done.error(), call);
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
