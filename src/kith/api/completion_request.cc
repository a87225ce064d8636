#include "kith/api/completion_request.h"

#include <algorithm>
#include <array>

#include "kith/api/field_reader.h"

namespace kith::api {
namespace {

constexpr std::size_t kMaxPrompts = 256;
// Of one request: prompts times best_of.
constexpr std::size_t kMaxTexts = 1024;

bool is_token(const base::Json& value) {
  return value.is_number_unsigned() &&
         value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT32_MAX);
}

bool is_token_list(const base::Json& value) {
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_token);
}

CompletionPrompt tokens_of(const base::Json& list) {
  CompletionPrompt prompt;
  prompt.is_tokens = true;
  prompt.tokens.reserve(list.size());
  for (const base::Json& token : list) prompt.tokens.push_back(token.get<std::int32_t>());
  return prompt;
}

CompletionPrompt text_of(const base::Json& text) {
  return {.text = text.get<std::string>(), .tokens = {}, .is_tokens = false};
}

// A text, a list of texts, a list of tokens, or a list of such lists.
std::vector<CompletionPrompt> read_prompts(FieldReader& reader, bool has_soft_prompt) {
  const base::Json* prompt = reader.member("prompt");
  if (prompt == nullptr) {
    // Embedding rows are a prompt too.
    if (!has_soft_prompt) reader.fail("prompt", "is required");
    return {CompletionPrompt{}};
  }
  if (prompt->is_string()) return {text_of(*prompt)};
  if (is_token_list(*prompt)) return {tokens_of(*prompt)};
  std::vector<CompletionPrompt> prompts;
  const bool is_list = prompt->is_array() && !prompt->empty();
  const auto all = [prompt](const auto& holds) {
    return std::all_of(prompt->begin(), prompt->end(), holds);
  };
  const bool is_texts = is_list && all([](const base::Json& item) { return item.is_string(); });
  if (!is_texts && !(is_list && all(is_token_list))) {
    reader.fail("prompt",
                "must be a text, a list of texts, a list of token ids, or a list of such lists, "
                "none of the lists empty",
                "invalid_type");
    return {};
  }
  if (prompt->size() > kMaxPrompts) {
    reader.fail("prompt", "must hold at most " + std::to_string(kMaxPrompts) +
                              " prompts: " + std::to_string(prompt->size()));
    return {};
  }
  for (const base::Json& item : *prompt) {
    prompts.push_back(is_texts ? text_of(item) : tokens_of(item));
  }
  return prompts;
}

void read_counts(FieldReader& reader, CompletionRequest& request) {
  request.max_tokens = to_int(reader.integer("max_tokens", 0, kMaxAnswerTokens)).value_or(16);
  request.n = to_int(reader.integer("n", 1, 128)).value_or(1);
  request.best_of = to_int(reader.integer("best_of", 1, 128)).value_or(request.n);
  if (request.best_of < request.n) {
    reader.fail("best_of", "must be at least n: " + std::to_string(request.best_of));
  }
  if (request.is_stream && request.best_of > request.n) {
    reader.fail("best_of", "must be n in a stream, which shows every text: " +
                               std::to_string(request.best_of));
  }
  if (request.prompts.size() * static_cast<std::size_t>(request.best_of) > kMaxTexts) {
    reader.fail("best_of",
                "must be at most " + std::to_string(kMaxTexts) +
                    " divided by the number of prompts: " + std::to_string(request.best_of));
  }
}

// What personalizes an answer has nothing to work on here; saying so is better than silence.
void refuse_personal(FieldReader& reader) {
  const base::Json* kith = reader.object("kith");
  if (kith == nullptr) return;
  constexpr std::array<std::string_view, 4> kKnown{"user", "tenant", "temporary", "soft_prompt"};
  for (const auto& [key, value] : kith->items()) {
    if (value.is_null() || std::find(kKnown.begin(), kKnown.end(), key) != kKnown.end()) continue;
    reader.fail("kith." + key, "does not apply to a plain completion");
  }
}

void read_unsupported(FieldReader& reader, CompletionRequest& request) {
  const auto suffix = reader.string("suffix");
  if (suffix && !suffix->empty()) request.unsupported.emplace_back("suffix");
  for (const ForeignConstraint& constraint : read_foreign_constraints(reader)) {
    if (constraint.is_set) request.unsupported.emplace_back(constraint.name);
  }
  const std::string& format = request.format.member;
  if (request.format.is_upstream_only) request.unsupported.push_back(format);
}

Outcome<base::Json> parse_object(std::string_view body) {
  Result<base::Json> json = base::parse_json(body);
  if (!json) {
    return bad_request("the body is not JSON: " + json.error().message, {}, "invalid_json");
  }
  if (!json->is_object()) return bad_request("the body must be a JSON object", {}, "invalid_json");
  return *std::move(json);
}

}  // namespace

Outcome<CompletionRequest> parse_completion_request(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  CompletionRequest request;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  request.kith = read_kith(reader);
  refuse_personal(reader);
  request.prompts = read_prompts(reader, request.kith.soft_prompt.has_value());
  request.model = reader.string("model", 1024).value_or("");
  const StreamFields stream = read_stream(reader);
  request.is_stream = stream.is_stream;
  request.wants_usage = stream.wants_usage;
  read_counts(reader, request);
  read_sampling(reader, request);
  request.logprobs = to_int(reader.integer("logprobs", 0, 5));
  request.echo = reader.boolean("echo").value_or(false);
  request.stop = read_stop(reader);
  // Nothing of a plain completion is ever stored.
  reader.boolean("store");
  request.user = reader.id("user").value_or("");
  request.safety_identifier = reader.id("safety_identifier").value_or("");
  request.metadata_user_id = read_metadata(reader);
  request.format = read_output_format(reader, body);
  request.lora = read_lora(reader);
  read_unsupported(reader, request);
  if (failure) return *std::move(failure);
  request.unknown = reader.unread();
  return request;
}

Outcome<ForwardedCompletion> parse_forwarded_completion(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return json.error();
  ForwardedCompletion request;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  request.is_stream = reader.boolean("stream").value_or(false);
  request.model = reader.string("model", 1024).value_or("");
  request.user = reader.id("user").value_or("");
  request.safety_identifier = reader.id("safety_identifier").value_or("");
  request.metadata_user_id = read_metadata(reader);
  const KithRequest kith = read_kith(reader);
  refuse_personal(reader);
  if (kith.soft_prompt) {
    reader.fail("kith.soft_prompt", "is taken by the built-in engine only");
  }
  if (failure) return *std::move(failure);
  request.kith_user = kith.user;
  request.tenant = kith.tenant;
  // Rewritten only where something must not leave, so that all else arrives as it was sent.
  constexpr std::array<const char*, 3> kOwn{"kith", "user", "safety_identifier"};
  const bool names_user = !request.metadata_user_id.empty();
  const bool has_own =
      std::any_of(kOwn.begin(), kOwn.end(), [&](const char* key) { return json->contains(key); });
  if (!has_own && !names_user) {
    request.body = std::string(body);
    return request;
  }
  Result<base::OrderedJson> sent = base::parse_ordered_json(body);
  if (!sent)
    return bad_request("the body is not JSON: " + sent.error().message, {}, "invalid_json");
  for (const char* key : kOwn) sent->erase(key);
  if (names_user) (*sent)["metadata"].erase("user_id");
  request.body = base::dump_json(*sent);
  return request;
}

}  // namespace kith::api
