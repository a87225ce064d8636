#include "kith/server/event_stream.h"

#include <utility>

namespace kith::server {

HttpResponse event_stream_head(HeaderList headers) {
  HttpResponse response;
  response.content_type = "text/event-stream; charset=utf-8";
  response.headers = std::move(headers);
  response.headers.emplace_back("Cache-Control", "no-cache, no-store");
  // Asks nginx not to collect the stream before passing it on.
  response.headers.emplace_back("X-Accel-Buffering", "no");
  return response;
}

void refuse(const Call& call, const api::ApiError& error) {
  HttpResponse response = error_response(error);
  response.headers.insert(response.headers.end(), call.headers.begin(), call.headers.end());
  call.writer.send(std::move(response));
}

}  // namespace kith::server
