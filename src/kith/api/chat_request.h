// The body of POST /v1/chat/completions: OpenAI's fields, a few that other servers know, and the
// `kith` object. Strict about types and ranges; see docs/formats/http.md for every field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"
#include "kith/api/output_format.h"

namespace kith::api {

struct ChatMessage {
  std::string role;     // "system", "developer", "user", "assistant", "tool", "function"
  std::string content;  // the text; text parts joined by newlines
  // The message as sent (a JSON object) if role and content do not say all of it, else empty.
  std::string raw;
};

struct KithStyle {
  std::string tone;
  std::string length;  // "short", "medium", "long"
  std::string format;
  std::string language;
  std::optional<double> reading_level;  // [1, 20]
};

// The `kith` object of a request.
struct KithRequest {
  std::string user;
  std::string tenant;
  std::string conversation;
  std::map<std::string, std::string> context;
  bool is_temporary = false;
  std::map<std::string, bool> plan;
  std::optional<int> candidates;  // [1, 8]
  KithStyle style;
};

struct ChatCompletionRequest {
  std::vector<ChatMessage> messages;         // at least one
  std::string model;                         // empty: the default
  std::optional<double> temperature;         // [0, 2]
  std::optional<double> top_p;               // (0, 1]
  std::optional<double> min_p;               // [0, 1]
  std::optional<int> top_k;                  // >= 0; 0 is off
  std::optional<double> presence_penalty;    // [-2, 2]
  std::optional<double> frequency_penalty;   // [-2, 2]
  std::optional<double> repetition_penalty;  // (0, 10]
  std::optional<std::int64_t> seed;
  std::map<std::int32_t, double> logit_bias;  // token id to [-100, 100]
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
