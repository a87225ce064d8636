// The body of POST /v1/chat/completions: OpenAI's fields, a few that other servers know, and the
// `kith` object. Strict about types and ranges; see docs/formats/http.md for every field.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"
#include "kith/api/kith_request.h"
#include "kith/api/output_format.h"
#include "kith/api/sampling_fields.h"

namespace kith::api {

struct ChatMessage {
  std::string role;     // "system", "developer", "user", "assistant", "tool", "function"
  std::string content;  // the text; text parts joined by newlines
  // The message as sent (a JSON object) if role and content do not say all of it, else empty.
  std::string raw;
};

struct ChatCompletionRequest : SamplingFields {
  std::vector<ChatMessage> messages;  // at least one
  std::string model;                  // empty: the default
  bool wants_logprobs = false;
  int top_logprobs = 0;           // [0, 20]
  int n = 1;                      // [1, 128]
  std::vector<std::string> stop;  // at most 4
  // max_completion_tokens, or else max_tokens.
  std::optional<int> max_tokens;
  bool is_stream = false;
  bool wants_usage = false;  // stream_options.include_usage
  std::optional<bool> store;
  OutputFormat format;
  // llama-server's `lora`; absent: it says nothing of adapters.
  std::optional<std::vector<LoraScale>> lora;

  // Names that may say who the user is, each empty if absent.
  std::string user;
  std::string metadata_user_id;
  std::string safety_identifier;
  KithRequest kith;

  // A JSON object with the members for an upstream to read (tools, response_format, unknown ones),
  // as the client wrote them; empty if there are none.
  std::string extra;
  // Members known to OpenAI's protocol that the own engine cannot honour, by name.
  std::vector<std::string> upstream_only;
  // Members that are not known at all, by name.
  std::vector<std::string> unknown;
};

// Errors: 400 naming the member in `param`.
Outcome<ChatCompletionRequest> parse_chat_request(std::string_view body);

}  // namespace kith::api
