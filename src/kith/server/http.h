// Requests and responses as handlers see them: no sockets and no HTTP library.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kith/api/error.h"

namespace kith::server {

struct HttpRequest {
  std::string method;  // "GET"; upper case
  std::string path;    // as sent, without the query
  // The path split at "/" and percent-decoded; "/v1/users/a%2Fb" gives {"v1", "users", "a/b"}.
  std::vector<std::string> segments;
  std::map<std::string, std::string> query;
  // Names in lower case; of headers sent twice, the first.
  std::map<std::string, std::string> headers;
  std::string body;
  std::string peer;  // IP address
  bool is_peer_loopback = false;
  // The client's X-Request-Id if it sent a decent one, else made here.
  std::string id;

  // Empty if absent.
  std::string_view header(const std::string& lower_case_name) const;
};

// Fills path, segments and query. False if the target is not "/..." or badly escaped.
bool parse_target(std::string_view target, HttpRequest& request);

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  HeaderList headers;
  std::string body;
  // Instead of `body` when bytes are shared; may be null.
  std::shared_ptr<const std::string> shared_body;
};

HttpResponse json_response(std::string body, int status = 200);
// With Retry-After where the client should come back, and WWW-Authenticate with 401.
HttpResponse error_response(const api::ApiError& error);

// `text` with everything outside visible ASCII percent-encoded, fit for a header's value.
std::string to_header_value(std::string_view text);

// Where a handler puts its answer: one send(), or start_stream(), write()s and finish().
// Thread-safe.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  virtual void send(HttpResponse response) = 0;
  // `head.body` is not used. Does nothing if the offered head has been sent.
  virtual void start_stream(HttpResponse head) = 0;
  // A head to start the stream with if nothing else comes for so long that a proxy might give up.
  // A response sent after that becomes the stream's last event.
  virtual void offer_stream(HttpResponse head) = 0;
  // Never blocks. Returns false once nobody reads: the client has gone, or is so slow that the
  // buffer is full, which cancels the request.
  virtual bool write(std::string_view bytes) = 0;
  virtual void finish() = 0;
  // Stopped when nobody waits for the answer any more.
  virtual std::stop_token cancel_token() const = 0;
};

// Takes requests from connections. Thread-safe.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // Looks at a request whose body is large and not read yet. An error refuses it unread.
  virtual std::optional<api::ApiError> check_head(const HttpRequest& request) = 0;
  // Sees to it that `writer` gets an answer, now or later, on this thread or another. Never blocks
  // for long.
  virtual void dispatch(HttpRequest request, std::shared_ptr<ResponseWriter> writer) = 0;
  // Tells of a request that was answered, refused before it could be dispatched, or left by the
  // client (status 499).
  virtual void on_done(const HttpRequest& request, int status, double seconds) = 0;
  virtual void on_connections(int open) = 0;
};

}  // namespace kith::server
