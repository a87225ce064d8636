// Reads the `messages` of a chat request. Internal to api.
#pragma once

#include "kith/api/chat_request.h"
#include "kith/api/field_reader.h"

namespace kith::api {

// Appends to request.messages and request.upstream_only; a bad message sets `failure`.
void read_messages(const base::Json& messages, ChatCompletionRequest& request,
                   std::optional<ApiError>& failure);

}  // namespace kith::api
