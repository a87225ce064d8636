#include "kith/upstream/openai_client.h"

#include <memory>
#include <utility>

#include "kith/base/json.h"
#include "kith/upstream/sse_parser.h"

namespace kith::upstream {
namespace {

// The message of an OpenAI error body, if it is one.
std::string upstream_message(const std::string& body) {
  const auto json = base::parse_json(body);
  if (!json || !json->is_object()) return {};
  const auto error = json->find("error");
  if (error == json->end() || !error->is_object()) return {};
  const auto message = base::read_string(*error, "message");
  return message && *message ? ": " + **message : std::string();
}

Status status_error(const HttpResponse& response) {
  if (response.status >= 200 && response.status < 300) return {};
  const std::string text =
      "the upstream answered " + std::to_string(response.status) + upstream_message(response.body);
  switch (response.status) {
    case 400:
    case 404:
    case 413:
    case 422:
      return Error{ErrorCode::kInvalidArgument, text};
    case 429:
      return Error{ErrorCode::kOverloaded, text};
    default:
      return Error{ErrorCode::kUnavailable, text};
  }
}

Result<std::string> normalize(std::string url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return Error{ErrorCode::kInvalidArgument,
                 "the upstream must be an http or https address: " + url};
  }
  while (url.ends_with('/')) url.pop_back();
  if (!url.ends_with("/v1")) url += "/v1";
  return url;
}

}  // namespace

Result<std::unique_ptr<OpenAiClient>> OpenAiClient::create(const ClientOptions& options) {
  KITH_ASSIGN_OR_RETURN(std::string base_url, normalize(options.base_url));
  return std::unique_ptr<OpenAiClient>(new OpenAiClient(options, std::move(base_url)));
}

Result<std::string> OpenAiClient::call(const HttpRequest& request,
                                       const HttpClient::OnBytes& on_bytes,
                                       const std::atomic<bool>* cancelled) const {
  HttpRequest sent = request;
  if (!options_.api_key.empty()) {
    sent.headers.push_back("Authorization: Bearer " + options_.api_key);
  }
  auto response = http_.send(sent, on_bytes, cancelled);
  if (!response) return std::move(response).error().with_context("the upstream");
  KITH_RETURN_IF_ERROR(status_error(*response));
  return std::move(response->body);
}

HttpRequest OpenAiClient::post_request(const std::string& path, const std::string& body) const {
  return {.method = "POST",
          .url = base_url_ + path,
          .headers = {"Content-Type: application/json"},
          .body = body};
}

Result<std::string> OpenAiClient::chat(const std::string& body,
                                       const std::atomic<bool>* cancelled) const {
  return call(post_request("/chat/completions", body), nullptr, cancelled);
}

Status OpenAiClient::stream(const HttpRequest& request, const OnEvent& on_event,
                            const std::atomic<bool>* cancelled) const {
  SseParser parser(
      [&](std::string_view data) { return !data.starts_with("[DONE]") && on_event(data); });
  const auto take = [&parser](std::string_view bytes) -> Result<bool> {
    KITH_RETURN_IF_ERROR(parser.append(bytes));
    return !parser.stopped();
  };
  KITH_RETURN_IF_ERROR(call(request, take, cancelled));
  // A server that closes early has not finished its answer.
  if (!parser.stopped()) {
    return Error{ErrorCode::kUnavailable, "the upstream's stream ended before [DONE]"};
  }
  return {};
}

Status OpenAiClient::stream_chat(const std::string& body, const OnEvent& on_event,
                                 const std::atomic<bool>* cancelled) const {
  return stream(post_request("/chat/completions", body), on_event, cancelled);
}

Result<std::string> OpenAiClient::completions(const std::string& body,
                                              const std::atomic<bool>* cancelled) const {
  return call(post_request("/completions", body), nullptr, cancelled);
}

Status OpenAiClient::stream_completions(const std::string& body, const OnEvent& on_event,
                                        const std::atomic<bool>* cancelled) const {
  return stream(post_request("/completions", body), on_event, cancelled);
}

Result<std::string> OpenAiClient::embeddings(const std::string& body,
                                             const std::atomic<bool>* cancelled) const {
  return call(post_request("/embeddings", body), nullptr, cancelled);
}

Result<std::string> OpenAiClient::models() const {
  return call({.method = "GET", .url = base_url_ + "/models"}, nullptr, nullptr);
}

}  // namespace kith::upstream
