// The head of a stream of server-sent events, and what routes that stream share. Internal to
// server.
#pragma once

#include "kith/server/routes.h"

namespace kith::server {

// `headers`, and those that keep proxies from holding a stream back.
HttpResponse event_stream_head(HeaderList headers);

// Sends an error as the answer; in a stream that has begun it becomes the last event.
void refuse(const Call& call, const api::ApiError& error);

}  // namespace kith::server
