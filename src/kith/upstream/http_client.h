// HTTP requests over libcurl: pooled connections, cancellation, bounds on silence and on size.
// libcurl stays behind the .cc file.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::upstream {

struct HttpOptions {
  std::chrono::milliseconds connect_timeout{5'000};
  // Longest silence within an answer.
  std::chrono::milliseconds idle_timeout{120'000};
  // Larger answers are refused.
  std::size_t max_response_bytes = std::size_t{64} << 20;
};

struct HttpRequest {
  // "GET", "POST", "PUT" or "DELETE".
  std::string method = "GET";
  // http and https only; redirects are not followed.
  std::string url;
  // "Name: value".
  std::vector<std::string> headers;
  // Sent with POST and PUT.
  std::string body;
};

struct HttpResponse {
  int status = 0;
  // Empty where a stream took the bytes.
  std::string body;
};

// Thread-safe: every call has a connection of its own, taken from a pool of idle ones.
class HttpClient {
 public:
  // Takes bytes of a successful answer as they come; false ends the call without an error.
  using OnBytes = std::function<Result<bool>(std::string_view bytes)>;

  explicit HttpClient(const HttpOptions& options = {});
  ~HttpClient();

  // Any status is an answer. With `on_bytes`, the body of a 2xx answer goes there instead.
  // `cancelled` may be null; it is looked at several times a second.
  // Errors: kDeadlineExceeded (silence), kCancelled, kUnavailable (no connection, an answer that is
  //   too large), and what `on_bytes` returns.
  Result<HttpResponse> send(const HttpRequest& request, const OnBytes& on_bytes = nullptr,
                            const std::atomic<bool>* cancelled = nullptr) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::upstream
