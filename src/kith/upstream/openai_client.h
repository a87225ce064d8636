// A client of any OpenAI-compatible server (vLLM, llama-server, a hosted API).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kith/base/result.h"
#include "kith/upstream/http_client.h"

namespace kith::upstream {

struct ClientOptions {
  // "http://127.0.0.1:8000/v1", with or without the "/v1"; http and https only.
  std::string base_url;
  // Sent as a bearer token; empty sends none.
  std::string api_key;
  HttpOptions http;
};

// Thread-safe.
class OpenAiClient {
 public:
  // Called with the data of each event, a JSON object that reports no failure, "[DONE]" excluded;
  // false ends the call.
  using OnEvent = std::function<bool(std::string_view data)>;

  // Errors: kInvalidArgument for a base url that is none.
  static Result<std::unique_ptr<OpenAiClient>> create(const ClientOptions& options);

  // POST {base}/chat/completions with a JSON body; returns the answer, a JSON object with at least
  // one choice. `cancelled` may be null; it is looked at several times a second.
  // Errors: kInvalidArgument when the upstream refuses the request (400, 404, 413, 422; with its
  //   message), kOverloaded (429), kDeadlineExceeded (silence), kCancelled, kUnavailable
  //   (everything else: no connection, 401, 403, 5xx, and what is not such an answer: see
  //   answer_check.h).
  Result<std::string> chat(const std::string& body, const std::atomic<bool>* cancelled) const;

  // The same with "stream": true in the body; events go to `on_event` as they come.
  // Errors: as chat(), also after events.
  Status stream_chat(const std::string& body, const OnEvent& on_event,
                     const std::atomic<bool>* cancelled) const;

  // POST {base}/embeddings with a JSON body; returns the answer, a JSON object with at least one
  // entry of `data`. Errors: as chat().
  Result<std::string> embeddings(const std::string& body, const std::atomic<bool>* cancelled) const;
  // POST {base}/completions, whole and streamed. Errors: as chat().
  Result<std::string> completions(const std::string& body,
                                  const std::atomic<bool>* cancelled) const;
  Status stream_completions(const std::string& body, const OnEvent& on_event,
                            const std::atomic<bool>* cancelled) const;

  // GET {base}/models. Errors: as chat().
  Result<std::string> models() const;

 private:
  OpenAiClient(ClientOptions options, std::string base_url)
      : options_(std::move(options)), base_url_(std::move(base_url)), http_(options_.http) {}

  Result<std::string> call(const HttpRequest& request, const HttpClient::OnBytes& on_bytes,
                           const std::atomic<bool>* cancelled) const;
  // An answer whose list is called `list`.
  Result<std::string> call_whole(const HttpRequest& request, const char* list,
                                 const std::atomic<bool>* cancelled) const;
  Status stream(const HttpRequest& request, const OnEvent& on_event,
                const std::atomic<bool>* cancelled) const;
  HttpRequest post_request(const std::string& path, const std::string& body) const;

  ClientOptions options_;
  std::string base_url_;
  HttpClient http_;
};

}  // namespace kith::upstream
