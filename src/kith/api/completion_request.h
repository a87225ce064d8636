// The body of POST /v1/completions: OpenAI's legacy completion of plain texts, with what vLLM's
// users send beside it. Strict about types and ranges; see docs/formats/http.md for every field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"
#include "kith/api/kith_request.h"
#include "kith/api/output_format.h"
#include "kith/api/sampling_fields.h"

namespace kith::api {

// A text, or its tokens.
struct CompletionPrompt {
  std::string text;
  std::vector<std::int32_t> tokens;  // >= 0
  bool is_tokens = false;

  friend bool operator==(const CompletionPrompt&, const CompletionPrompt&) = default;
};

struct CompletionRequest : SamplingFields {
  std::vector<CompletionPrompt> prompts;  // 1 to 256
  std::string model;                      // empty: the default
  int max_tokens = 16;                    // >= 0; 0 only echoes
  int n = 1;                              // [1, 128]
  int best_of = 1;                        // [n, 128]; n in a stream
  std::optional<int> logprobs;            // [0, 5]
  bool echo = false;
  std::vector<std::string> stop;  // at most 4
  bool is_stream = false;
  bool wants_usage = false;  // stream_options.include_usage
  OutputFormat format;
  std::optional<std::vector<LoraScale>> lora;

  // Names that may say who the user is, each empty if absent.
  std::string user;
  std::string metadata_user_id;
  std::string safety_identifier;
  // user, tenant, temporary and soft_prompt alone: a plain completion has no style and no plan.
  KithRequest kith;

  // Members that are known and cannot be honoured ("suffix"), and those that are not known at all.
  std::vector<std::string> unsupported;
  std::vector<std::string> unknown;
};

// Errors: 400 naming the member in `param`.
Outcome<CompletionRequest> parse_completion_request(std::string_view body);

// What Kith reads of a request that an upstream answers.
struct ForwardedCompletion {
  bool is_stream = false;
  std::string model;
  std::string user;
  std::string metadata_user_id;
  std::string safety_identifier;
  std::string kith_user;
  std::string tenant;
  // The body for the upstream: the client's own bytes, less `kith` and what names the user.
  std::string body;
};

// Errors: 400 naming the member in `param`.
Outcome<ForwardedCompletion> parse_forwarded_completion(std::string_view body);

}  // namespace kith::api
