#include "kith/api/chat_request.h"

#include <charconv>
#include <set>

#include "kith/api/chat_messages.h"
#include "kith/api/field_reader.h"
#include "kith/api/member_text.h"

namespace kith::api {
namespace {

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;

std::optional<int> to_int(const std::optional<std::int64_t>& value) {
  return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

void read_logit_bias(FieldReader& reader, ChatCompletionRequest& request) {
  const base::Json* bias = reader.object("logit_bias");
  if (bias == nullptr) return;
  for (const auto& [key, value] : bias->items()) {
    std::int32_t token = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    const bool is_token = error == std::errc() && end == key.data() + key.size() && token >= 0;
    const bool is_bias =
        value.is_number() && value.get<double>() >= -100.0 && value.get<double>() <= 100.0;
    if (!is_token || !is_bias) {
      return reader.fail("logit_bias", "must map token ids to numbers in [-100, 100]");
    }
    request.logit_bias[token] = value.get<double>();
  }
}

void read_sampling(FieldReader& reader, ChatCompletionRequest& request) {
  constexpr double kTiny = 1e-9;
  request.temperature = reader.number("temperature", 0.0, 2.0);
  request.top_p = reader.number("top_p", 0.0, 1.0);
  // 0 means "only the best token", which top_p as a share of mass cannot say.
  if (request.top_p) request.top_p = std::max(*request.top_p, kTiny);
  request.min_p = reader.number("min_p", 0.0, 1.0);
  request.top_k = to_int(reader.integer("top_k", -1, INT32_MAX));
  if (request.top_k && *request.top_k < 0) request.top_k = 0;
  request.presence_penalty = reader.number("presence_penalty", -2.0, 2.0);
  request.frequency_penalty = reader.number("frequency_penalty", -2.0, 2.0);
  request.repetition_penalty = reader.number("repetition_penalty", kTiny, 10.0);
  request.seed = reader.integer("seed", INT64_MIN, INT64_MAX);
  read_logit_bias(reader, request);
  request.wants_logprobs = reader.boolean("logprobs").value_or(false);
  request.top_logprobs = to_int(reader.integer("top_logprobs", 0, 20)).value_or(0);
  if (request.top_logprobs > 0 && !request.wants_logprobs) {
    reader.fail("top_logprobs", "needs logprobs to be true");
  }
}

void read_stop(FieldReader& reader, ChatCompletionRequest& request) {
  const base::Json* stop = reader.member("stop");
  if (stop == nullptr) return;
  const base::Json list = stop->is_array() ? *stop : base::Json::array({*stop});
  if (list.size() > 4) return reader.fail("stop", "must hold at most 4 sequences");
  for (const base::Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      return reader.fail("stop", "must be a text or an array of texts, none empty", "invalid_type");
    }
    request.stop.push_back(item.get<std::string>());
  }
}

void read_stream_options(FieldReader& reader, ChatCompletionRequest& request,
                         std::optional<ApiError>& failure) {
  request.is_stream = reader.boolean("stream").value_or(false);
  const base::Json* options = reader.object("stream_options");
  if (options == nullptr) return;
  if (!request.is_stream) return reader.fail("stream_options", "needs stream to be true");
  FieldReader inner(*options, "stream_options.", failure);
  request.wants_usage = inner.boolean("include_usage").value_or(false);
  inner.boolean("include_obfuscation");
}

void read_output(FieldReader& reader, ChatCompletionRequest& request,
                 std::optional<ApiError>& failure) {
  request.model = reader.string("model", 1024).value_or("");
  request.n = to_int(reader.integer("n", 1, 128)).value_or(1);
  const auto older = to_int(reader.integer("max_tokens", 1, kMaxTokens));
  request.max_tokens = to_int(reader.integer("max_completion_tokens", 1, kMaxTokens));
  if (!request.max_tokens) request.max_tokens = older;
  read_stop(reader, request);
  read_stream_options(reader, request, failure);
  request.store = reader.boolean("store");
}

void read_metadata(FieldReader& reader, ChatCompletionRequest& request) {
  const base::Json* metadata = reader.object("metadata");
  if (metadata == nullptr) return;
  if (metadata->size() > 16) return reader.fail("metadata", "must hold at most 16 pairs");
  for (const auto& [key, value] : metadata->items()) {
    if (count_characters(key) > 64) {
      return reader.fail("metadata", "must have keys of at most 64 characters");
    }
    if (!value.is_string() || count_characters(value.get_ref<const std::string&>()) > 512) {
      return reader.fail("metadata." + key, "must be a string of at most 512 characters");
    }
  }
  const auto user = metadata->find("user_id");
  if (user == metadata->end()) return;
  const auto& id = user->get_ref<const std::string&>();
  if (!id.empty() && !is_valid_id(id)) {
    return reader.fail("metadata.user_id", "must be at most 256 bytes without control characters");
  }
  request.metadata_user_id = id;
}

void read_style(const base::Json& style, KithStyle& wish, std::optional<ApiError>& failure) {
  constexpr std::size_t kMaxBytes = 200;
  FieldReader reader(style, "kith.style.", failure);
  wish.tone = reader.string("tone", kMaxBytes).value_or("");
  wish.length = reader.choice("length", {"short", "medium", "long"}).value_or("");
  wish.format = reader.string("format", kMaxBytes).value_or("");
  wish.language = reader.string("language", 35).value_or("");
  wish.reading_level = reader.number("reading_level", 1.0, 20.0);
  for (const std::string& name : reader.unread()) reader.fail(name, "is not known");
}

void read_context(FieldReader& reader, KithRequest& kith) {
  const base::Json* context = reader.object("context");
  if (context == nullptr) return;
  for (const auto& [key, value] : context->items()) {
    if (value.is_null()) continue;
    if (value.is_structured()) return reader.fail("context." + key, "must be a text or a number");
    kith.context[key] = value.is_string() ? value.get<std::string>() : base::dump_json(value);
  }
}

void read_plan(FieldReader& reader, KithRequest& kith) {
  const base::Json* plan = reader.object("plan");
  if (plan == nullptr) return;
  for (const auto& [key, value] : plan->items()) {
    if (!value.is_boolean()) return reader.fail("plan." + key, "must be a boolean", "invalid_type");
    kith.plan[key] = value.get<bool>();
  }
}

// Members outside this object are passed on; within it a name that is not known is a typing error
// that would otherwise go unnoticed.
void read_kith(FieldReader& outer, KithRequest& kith, std::optional<ApiError>& failure) {
  const base::Json* object = outer.object("kith");
  if (object == nullptr) return;
  FieldReader reader(*object, "kith.", failure);
  kith.user = reader.id("user").value_or("");
  kith.tenant = reader.id("tenant").value_or("");
  kith.conversation = reader.id("conversation").value_or("");
  kith.is_temporary = reader.boolean("temporary").value_or(false);
  kith.candidates = to_int(reader.integer("candidates", 1, 8));
  read_context(reader, kith);
  read_plan(reader, kith);
  const base::Json* style = reader.object("style");
  if (style != nullptr) read_style(*style, kith.style, failure);
  for (const std::string& name : reader.unread()) reader.fail(name, "is not known");
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
  for (const char* key : {"prediction", "parallel_tool_calls", "reasoning_effort", "service_tier",
                          "prompt_cache_key", "prompt_cache_retention"}) {
    pass(key, false);
  }
}

// The members called `names`, untouched.
std::string copy_members(std::string_view body, const std::set<std::string>& names) {
  std::string object;
  for (const std::string& name : names) {
    const auto text = find_member_text(body, name);
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
  read_output(reader, request, failure);
  request.user = reader.id("user").value_or("");
  request.safety_identifier = reader.id("safety_identifier").value_or("");
  read_metadata(reader, request);
  read_kith(reader, request.kith, failure);
  read_verbosity(reader, request.kith.style);
  request.format = read_output_format(reader, body);
  std::set<std::string> extra;
  read_passthrough(reader, request, extra);
  if (failure) return *std::move(failure);

  request.unknown = reader.unread();
  extra.insert(request.unknown.begin(), request.unknown.end());
  request.extra = copy_members(body, extra);
  return request;
}

}  // namespace kith::api
