#include "kith/upstream/openai_client.h"

#include <memory>
#include <utility>

#include "kith/upstream/answer_check.h"
#include "kith/upstream/sse_parser.h"

namespace kith::upstream {
namespace {

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
  KITH_RETURN_IF_ERROR(check_status(response->status, response->body));
  return std::move(response->body);
}

Result<std::string> OpenAiClient::call_whole(const HttpRequest& request, const char* list,
                                             const std::atomic<bool>* cancelled) const {
  KITH_ASSIGN_OR_RETURN(std::string body, call(request, nullptr, cancelled));
  KITH_ASSIGN_OR_RETURN(const AnswerOutline outline, check_answer(body, list));
  if (!outline.has_items) {
    return Error{ErrorCode::kUnavailable,
                 "the upstream's answer must hold a list that is not empty: " + std::string(list)};
  }
  return body;
}

HttpRequest OpenAiClient::post_request(const std::string& path, const std::string& body) const {
  return {.method = "POST",
          .url = base_url_ + path,
          .headers = {"Content-Type: application/json"},
          .body = body};
}

Result<std::string> OpenAiClient::chat(const std::string& body,
                                       const std::atomic<bool>* cancelled) const {
  return call_whole(post_request("/chat/completions", body), "choices", cancelled);
}

Status OpenAiClient::stream(const HttpRequest& request, const OnEvent& on_event,
                            const std::atomic<bool>* cancelled) const {
  bool has_choices = false;
  Status failure;
  SseParser parser([&](std::string_view data) {
    if (data.starts_with("[DONE]")) {
      if (!has_choices) {
        failure = Error{ErrorCode::kUnavailable, "the upstream's stream held no choice"};
      }
      return false;
    }
    const auto outline = check_answer(data, "choices");
    if (!outline) {
      failure = outline.error();
      return false;
    }
    has_choices = has_choices || outline->has_items;
    return on_event(data);
  });
  const auto take = [&](std::string_view bytes) -> Result<bool> {
    KITH_RETURN_IF_ERROR(parser.append(bytes));
    return !parser.stopped();
  };
  KITH_RETURN_IF_ERROR(call(request, take, cancelled));
  KITH_RETURN_IF_ERROR(std::move(failure));
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
  return call_whole(post_request("/completions", body), "choices", cancelled);
}

Status OpenAiClient::stream_completions(const std::string& body, const OnEvent& on_event,
                                        const std::atomic<bool>* cancelled) const {
  return stream(post_request("/completions", body), on_event, cancelled);
}

Result<std::string> OpenAiClient::embeddings(const std::string& body,
                                             const std::atomic<bool>* cancelled) const {
  return call_whole(post_request("/embeddings", body), "data", cancelled);
}

Result<std::string> OpenAiClient::models() const {
  return call_whole({.method = "GET", .url = base_url_ + "/models"}, "data", nullptr);
}

}  // namespace kith::upstream
