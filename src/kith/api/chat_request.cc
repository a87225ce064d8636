#include "kith/api/chat_request.h"

#include <set>

#include "kith/api/chat_messages.h"
#include "kith/api/field_reader.h"
#include "kith/base/member_text.h"

namespace kith::api {
namespace {

void read_output(FieldReader& reader, ChatCompletionRequest& request) {
  request.model = reader.string("model", 1024).value_or("");
  request.wants_logprobs = reader.boolean("logprobs").value_or(false);
  request.top_logprobs = to_int(reader.integer("top_logprobs", 0, 20)).value_or(0);
  if (request.top_logprobs > 0 && !request.wants_logprobs) {
    reader.fail("top_logprobs", "needs logprobs to be true");
  }
  request.n = to_int(reader.integer("n", 1, 128)).value_or(1);
  const auto older = to_int(reader.integer("max_tokens", 1, kMaxAnswerTokens));
  request.max_tokens = to_int(reader.integer("max_completion_tokens", 1, kMaxAnswerTokens));
  if (!request.max_tokens) request.max_tokens = older;
  request.stop = read_stop(reader);
  const StreamFields stream = read_stream(reader);
  request.is_stream = stream.is_stream;
  request.wants_usage = stream.wants_usage;
  request.store = reader.boolean("store");
}

// OpenAI's "verbosity" is our length, unless kith.style says more exactly.
void read_verbosity(FieldReader& reader, KithStyle& style) {
  const auto verbosity = reader.choice("verbosity", {"low", "medium", "high"});
  if (!verbosity || !style.length.empty()) return;
  style.length = *verbosity == "low" ? "short" : *verbosity == "high" ? "long" : "medium";
}

bool is_text_only(const base::Json& modalities) {
  for (const base::Json& item : modalities) {
    if (item != "text") return false;
  }
  return true;
}

// Members for upstreams: `refused` if they change what the answer must be, so that leaving them out
// would be a wrong answer; the others are hints.
void read_passthrough(FieldReader& reader, ChatCompletionRequest& request,
                      std::set<std::string>& extra) {
  for (const ForeignConstraint& constraint : read_foreign_constraints(reader)) {
    extra.insert(constraint.name);
    if (constraint.is_set) request.upstream_only.emplace_back(constraint.name);
  }
  const auto pass = [&](const char* key, bool is_refused) {
    const base::Json* value = reader.member(key);
    if (value == nullptr) return;
    extra.insert(key);
    if (is_refused) request.upstream_only.emplace_back(key);
  };
  for (const char* key : {"tools", "functions"}) {
    const base::Json* list = reader.array(key);
    if (list != nullptr && !list->empty()) pass(key, true);
  }
  for (const char* key : {"tool_choice", "function_call"}) {
    const base::Json* value = reader.member(key);
    if (value != nullptr) pass(key, *value != "none" && *value != "auto");
  }
  for (const char* key :
       {"response_format", "guided_json", "guided_choice", "structured_outputs"}) {
    pass(key, request.format.is_upstream_only && request.format.member == key);
  }
  const base::Json* modalities = reader.array("modalities");
  if (modalities != nullptr) pass("modalities", !is_text_only(*modalities));
  for (const char* key : {"audio", "web_search_options"}) pass(key, true);
  // Its ids are those of the server that applies them.
  pass("lora", false);
  for (const char* key : {"prediction", "parallel_tool_calls", "reasoning_effort", "service_tier",
                          "prompt_cache_key", "prompt_cache_retention"}) {
    pass(key, false);
  }
}

// The members called `names`, untouched.
std::string copy_members(std::string_view body, const std::set<std::string>& names) {
  std::string object;
  for (const std::string& name : names) {
    const auto text = base::find_member_text(body, name);
    if (!text) continue;
    object += object.empty() ? "{" : ",";
    object += base::dump_json(base::Json(name));
    object += ':';
    object += *text;
  }
  if (!object.empty()) object += '}';
  return object;
}

}  // namespace

Outcome<ChatCompletionRequest> parse_chat_request(std::string_view body) {
  const Result<base::Json> json = base::parse_json(body);
  if (!json)
    return bad_request("the body is not JSON: " + json.error().message, {}, "invalid_json");
  if (!json->is_object()) return bad_request("the body must be a JSON object", {}, "invalid_json");

  ChatCompletionRequest request;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  const base::Json* messages = reader.array("messages");
  if (messages == nullptr) reader.fail("messages", "is required");
  if (!failure) read_messages(*messages, request, failure);
  read_sampling(reader, request);
  read_output(reader, request);
  request.user = reader.id("user").value_or("");
  request.safety_identifier = reader.id("safety_identifier").value_or("");
  request.metadata_user_id = read_metadata(reader);
  request.kith = read_kith(reader);
  read_verbosity(reader, request.kith.style);
  request.format = read_output_format(reader, body);
  request.lora = read_lora(reader);
  std::set<std::string> extra;
  read_passthrough(reader, request, extra);
  if (failure) return *std::move(failure);

  request.unknown = reader.unread();
  extra.insert(request.unknown.begin(), request.unknown.end());
  request.extra = copy_members(body, extra);
  return request;
}

}  // namespace kith::api
