// A client of any OpenAI-compatible server (vLLM, llama-server, a hosted API). libcurl stays behind
// the .cc file.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::upstream {

struct ClientOptions {
  // "http://127.0.0.1:8000/v1", with or without the "/v1"; http and https only.
  std::string base_url;
  // Sent as a bearer token; empty sends none.
  std::string api_key;
  std::chrono::milliseconds connect_timeout{5'000};
  // Longest silence within an answer.
  std::chrono::milliseconds idle_timeout{120'000};
  // Larger answers are refused.
  std::size_t max_response_bytes = std::size_t{64} << 20;
};

// Thread-safe: every call has a connection of its own, taken from a pool of idle ones.
class OpenAiClient {
 public:
  // Called with the data of each event, "[DONE]" excluded; false ends the call.
  using OnEvent = std::function<bool(std::string_view data)>;

  // Errors: kInvalidArgument for a base url that is none.
  static Result<std::unique_ptr<OpenAiClient>> create(const ClientOptions& options);
  ~OpenAiClient();

  // POST {base}/chat/completions with a JSON body; returns the JSON answer. `cancelled` may be null; it
  // is looked at several times a second.
  // Errors: kInvalidArgument when the upstream refuses the request (400, 404, 413, 422; with its
  //   message), kOverloaded (429), kDeadlineExceeded (silence), kCancelled, kUnavailable (everything
  //   else: no connection, 401, 403, 5xx, an answer that is too large).
  Result<std::string> chat(const std::string& body, const std::atomic<bool>* cancelled) const;

  // The same with "stream": true in the body; events go to `on_event` as they come.
  // Errors: as chat().
  Status stream_chat(const std::string& body, const OnEvent& on_event,
                     const std::atomic<bool>* cancelled) const;

  // GET {base}/models. Errors: as chat().
  Result<std::string> models() const;

 private:
  struct Impl;
  explicit OpenAiClient(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::upstream
