#include "kith/runtime/upstream_generator.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "kith/base/json.h"
#include "kith/runtime/held_memory.h"
#include "kith/runtime/prompt_embeds.h"

namespace kith::runtime {
namespace {

using base::OrderedJson;
using personalize::GeneratedText;

Result<OrderedJson> parse_object(const std::string& text, const char* what) {
  KITH_ASSIGN_OR_RETURN(OrderedJson json, base::parse_ordered_json(text));
  if (!json.is_object()) {
    return Error{ErrorCode::kInvalidArgument, std::string(what) + " must be a JSON object"};
  }
  return json;
}

template <typename T>
void put(OrderedJson& body, const char* key, const std::optional<T>& value) {
  if (value) body[key] = *value;
}

void put_sampling(OrderedJson& body, const personalize::SamplingParams& sampling) {
  put(body, "temperature", sampling.temperature);
  put(body, "top_p", sampling.top_p);
  put(body, "min_p", sampling.min_p);
  put(body, "top_k", sampling.top_k);
  put(body, "presence_penalty", sampling.presence_penalty);
  put(body, "frequency_penalty", sampling.frequency_penalty);
  put(body, "repetition_penalty", sampling.repetition_penalty);
  put(body, "seed", sampling.seed);
  for (const auto& [token, bias] : sampling.logit_bias) {
    body["logit_bias"][std::to_string(token)] = bias;
  }
  if (!sampling.wants_logprobs) return;
  body["logprobs"] = true;
  body["top_logprobs"] = sampling.top_logprobs;
}

Result<OrderedJson> messages_json(const std::vector<personalize::Message>& messages) {
  OrderedJson list = OrderedJson::array();
  for (const auto& message : messages) {
    if (message.raw.empty()) {
      list.push_back({{"role", message.role}, {"content", message.content}});
      continue;
    }
    KITH_ASSIGN_OR_RETURN(OrderedJson raw, parse_object(message.raw, "a message"));
    list.push_back(std::move(raw));
  }
  return list;
}

// A string member, or "" if it is absent, null or of another type: an upstream's mistakes are not
// ours.
std::string text_of(const OrderedJson& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const OrderedJson* first_choice(const OrderedJson& answer) {
  const auto it = answer.find("choices");
  if (it == answer.end() || !it->is_array() || it->empty() || !it->front().is_object()) {
    return nullptr;
  }
  return &it->front();
}

// Whether a message or delta holds more than text.
bool has_more_than_text(const OrderedJson& message) {
  for (const auto& [key, value] : message.items()) {
    if (key == "role" || key == "content" || value.is_null()) continue;
    // vLLM sends empty lists with every message.
    if (value.is_array() && value.empty()) continue;
    return true;
  }
  return false;
}

// Leaves `out` as it is when the upstream does not say, or says what counts nothing.
void read_count(const OrderedJson& object, const char* name, int& out) {
  const auto count = object.find(name);
  if (count == object.end() || !count->is_number_unsigned()) return;
  const auto value = count->get<std::uint64_t>();
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    out = static_cast<int>(value);
  }
}

void read_usage(const OrderedJson& answer, GeneratedText& out) {
  const auto usage = answer.find("usage");
  if (usage == answer.end() || !usage->is_object()) return;
  read_count(*usage, "prompt_tokens", out.prompt_tokens);
  read_count(*usage, "completion_tokens", out.completion_tokens);
  const auto details = usage->find("prompt_tokens_details");
  if (details != usage->end() && details->is_object()) {
    read_count(*details, "cached_tokens", out.cached_tokens);
  }
}

// The choice's "logprobs" object; null if it has none, or an empty one.
const OrderedJson* find_logprobs(const OrderedJson& choice) {
  const auto logprobs = choice.find("logprobs");
  if (logprobs == choice.end() || !logprobs->is_object()) return nullptr;
  const bool is_empty = std::all_of(logprobs->begin(), logprobs->end(),
                                    [](const OrderedJson& member) { return member.empty(); });
  return is_empty ? nullptr : &*logprobs;
}

// Of an entry of "logprobs.content": what it puts into the text.
std::string bytes_of(const OrderedJson& token) {
  const auto list = token.find("bytes");
  if (list == token.end() || !list->is_array()) return text_of(token, "token");
  std::string bytes;
  for (const auto& byte : *list) {
    if (!byte.is_number_unsigned() || byte.get<std::uint64_t>() > 255) {
      return text_of(token, "token");
    }
    bytes += static_cast<char>(byte.get<std::uint8_t>());
  }
  return bytes;
}

// Tells what out.text and the log-probabilities of all of it say together.
void put_logprobs(const OrderedJson& logprobs, GeneratedText& out) {
  out.logprobs = base::dump_json(logprobs);
  const auto content = logprobs.find("content");
  if (content == logprobs.end() || !content->is_array() || content->empty()) return;
  double total = 0.0;
  std::size_t at = 0;
  for (const auto& token : *content) {
    total += token.value("logprob", 0.0);
    out.token_begins.push_back(at);
    // Control tokens take no room in the text.
    const std::string bytes = bytes_of(token);
    if (out.text.compare(at, bytes.size(), bytes) == 0) at += bytes.size();
  }
  const double mean = total / static_cast<double>(content->size());
  if (std::isfinite(mean)) out.mean_logprob = mean;
}

Error malformed() { return Error{ErrorCode::kUnavailable, "the upstream's answer is malformed"}; }

// Runs `read`, in which nlohmann throws when a member has an unexpected type: an upstream's
// malformed answer must not end the server.
template <typename Read>
auto fenced(Read&& read) -> decltype(read()) {
  try {
    return read();
  } catch (const nlohmann::json::exception&) {
    return malformed();
  }
}

Result<GeneratedText> read_answer(const std::string& body) {
  const auto parsed = base::parse_ordered_json(body);
  // Nested too deep, say: the upstream's fault, not the client's.
  if (!parsed) return malformed();
  const OrderedJson& answer = *parsed;
  const OrderedJson* choice = answer.is_object() ? first_choice(answer) : nullptr;
  if (choice == nullptr || !choice->contains("message") || !(*choice)["message"].is_object()) {
    return Error{ErrorCode::kUnavailable, "the upstream's answer holds no message"};
  }
  const OrderedJson& message = (*choice)["message"];
  GeneratedText out;
  out.text = text_of(message, "content");
  if (has_more_than_text(message)) out.raw = base::dump_json(message);
  if (const auto reason = text_of(*choice, "finish_reason"); !reason.empty()) {
    out.finish_reason = reason;
  }
  read_usage(answer, out);
  if (const auto* logprobs = find_logprobs(*choice)) put_logprobs(*logprobs, out);
  return out;
}

// Puts the pieces of a streamed message together again; tool calls are joined by their index.
class StreamedMessage {
 public:
  // Errors: kUnavailable for a chunk that is malformed.
  Status take(std::string_view data, int sample, personalize::DeltaSink* sink) {
    auto chunk = base::parse_ordered_json(data);
    if (!chunk || !chunk->is_object()) return malformed();
    read_usage(*chunk, out_);
    const OrderedJson* choice = first_choice(*chunk);
    if (choice == nullptr) return {};
    if (const auto reason = text_of(*choice, "finish_reason"); !reason.empty()) {
      out_.finish_reason = reason;
      has_message_ = true;
    }
    const auto delta = choice->find("delta");
    const bool has_delta = delta != choice->end() && delta->is_object();
    has_message_ = has_message_ || has_delta;
    take_delta(has_delta ? *delta : OrderedJson::object(), find_logprobs(*choice), sample, sink);
    return {};
  }

  // Throws as nlohmann does. Errors: kUnavailable if no chunk held a part of a message.
  Result<GeneratedText> finish() {
    if (!has_message_) {
      return Error{ErrorCode::kUnavailable, "the upstream's stream holds no message"};
    }
    if (!extra_.empty()) {
      OrderedJson message = {{"role", "assistant"}, {"content", out_.text}};
      message.update(extra_);
      out_.raw = base::dump_json(message);
    }
    if (!logprobs_.empty()) put_logprobs(logprobs_, out_);
    return std::move(out_);
  }

 private:
  // `logprobs` may be null.
  void take_delta(const OrderedJson& delta, const OrderedJson* logprobs, int sample,
                  personalize::DeltaSink* sink) {
    const std::string text = text_of(delta, "content");
    out_.text += text;
    const bool more = has_more_than_text(delta);
    if (more) merge(delta);
    if (logprobs != nullptr) merge_logprobs(*logprobs);
    if (sink == nullptr || (text.empty() && !more && logprobs == nullptr)) return;
    const std::string raw = more ? base::dump_json(delta) : std::string();
    const std::string told = logprobs != nullptr ? base::dump_json(*logprobs) : std::string();
    sink->on_delta({.sample = sample, .text = text, .raw = raw, .logprobs = told});
  }

  void merge_logprobs(const OrderedJson& logprobs) {
    for (const auto& [name, value] : logprobs.items()) {
      OrderedJson& whole = logprobs_[name];
      if (value.is_array() && whole.is_array()) {
        whole.insert(whole.end(), value.begin(), value.end());
      } else if (!value.is_null()) {
        whole = value;
      }
    }
  }

  void merge(const OrderedJson& delta) {
    for (const auto& [key, value] : delta.items()) {
      if (key == "role" || key == "content" || value.is_null()) continue;
      if (key == "tool_calls" && value.is_array()) {
        for (const auto& call : value) merge_call(call);
      } else if (value.is_string()) {
        extra_[key] = text_of(extra_, key.c_str()) + value.get<std::string>();
      } else {
        extra_[key] = value;
      }
    }
  }

  void merge_call(const OrderedJson& call) {
    if (!call.is_object()) return;
    constexpr std::size_t kMaxCalls = 128;
    const auto at = call.find("index");
    if (at != call.end() && !at->is_number_unsigned()) return;
    const auto index = call.value("index", std::size_t{0});
    if (index >= kMaxCalls) return;
    OrderedJson& calls = extra_["tool_calls"];
    while (calls.size() <= index) {
      calls.push_back(
          {{"id", ""}, {"type", "function"}, {"function", {{"name", ""}, {"arguments", ""}}}});
    }
    OrderedJson& whole = calls[index];
    if (const auto id = text_of(call, "id"); !id.empty()) whole["id"] = id;
    const auto function = call.find("function");
    if (function == call.end() || !function->is_object()) return;
    for (const char* part : {"name", "arguments"}) {
      whole["function"][part] = text_of(whole["function"], part) + text_of(*function, part);
    }
  }

  GeneratedText out_;
  bool has_message_ = false;
  OrderedJson extra_ = OrderedJson::object();
  OrderedJson logprobs_ = OrderedJson::object();
};

}  // namespace

Result<std::string> upstream_body(const personalize::GenerationRequest& request,
                                  const personalize::SamplingParams& sampling,
                                  const std::string& model, bool streams) {
  OrderedJson body = OrderedJson::object();
  body["model"] = model.empty() ? request.model : model;
  KITH_ASSIGN_OR_RETURN(body["messages"], messages_json(request.messages));
  const HeldUserMemory* held = find_held(request.memory);
  if (held != nullptr && held->rows() != nullptr) {
    KITH_RETURN_IF_ERROR(put_prompt_embeds(*held->rows(), body["messages"]));
  }
  put_sampling(body, sampling);
  if (request.max_tokens) body["max_tokens"] = *request.max_tokens;
  if (!request.stop.empty()) body["stop"] = request.stop;
  if (!request.extra.empty()) {
    KITH_ASSIGN_OR_RETURN(const OrderedJson extra, parse_object(request.extra, "extra"));
    // What the client sent and Kith does not read; it never replaces what Kith composed.
    for (const auto& [key, value] : extra.items()) {
      if (!body.contains(key)) body[key] = value;
    }
  }
  if (streams) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  return base::dump_json(body);
}

Result<GeneratedText> read_upstream_answer(const std::string& body) {
  return fenced([&] { return read_answer(body); });
}

Result<GeneratedText> read_upstream_events(std::span<const std::string> events,
                                           personalize::DeltaSink* sink) {
  StreamedMessage message;
  for (const std::string& event : events) {
    KITH_RETURN_IF_ERROR(fenced([&] { return message.take(event, 0, sink); }));
  }
  return fenced([&]() -> Result<GeneratedText> { return message.finish(); });
}

personalize::GeneratorCapabilities UpstreamGenerator::capabilities() const {
  return {.is_own_engine = false,
          .has_adapters = false,
          .has_tools = true,
          .has_images = true,
          .has_scores = false,
          .no_memories = !options_.takes_embeddings   ? "the upstream takes no embeddings"
                         : options_.bridge == nullptr ? "no bridge"
                                                      : "",
          .context_tokens = options_.context_tokens,
          .model = options_.model};
}

Result<std::shared_ptr<const personalize::HeldMemory>> UpstreamGenerator::hold_memory(
    const personalize::UserMemory& memory) const {
  if (!options_.takes_embeddings || options_.bridge == nullptr) {
    return Generator::hold_memory(memory);
  }
  return hold_through({.cross_attention = nullptr, .soft_prompt = options_.bridge}, memory);
}

Result<std::vector<GeneratedText>> UpstreamGenerator::generate(
    const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
    const personalize::CancelToken& cancel) {
  if (!request.answer_prefix.empty()) {
    return Error{ErrorCode::kInvalidArgument, "an upstream does not go on with a begun answer"};
  }
  std::atomic<bool> cancelled = false;
  const std::stop_callback on_cancel(cancel, [&cancelled] { cancelled = true; });
  std::vector<GeneratedText> answers;
  for (std::size_t i = 0; i < request.samples.size(); ++i) {
    KITH_ASSIGN_OR_RETURN(const std::string body, upstream_body(request, request.samples[i],
                                                                options_.model, sink != nullptr));
    if (sink == nullptr) {
      KITH_ASSIGN_OR_RETURN(const std::string answer, client_->chat(body, &cancelled));
      KITH_ASSIGN_OR_RETURN(GeneratedText text, read_upstream_answer(answer));
      answers.push_back(std::move(text));
      continue;
    }
    StreamedMessage message;
    Status failure;
    const auto take = [&](std::string_view data) {
      failure = fenced([&] { return message.take(data, static_cast<int>(i), sink); });
      return failure.has_value();
    };
    Status streamed = client_->stream_chat(body, take, &cancelled);
    if (!failure) return std::move(failure).error();
    if (!streamed) return std::move(streamed).error();
    KITH_ASSIGN_OR_RETURN(GeneratedText text, fenced([&] { return message.finish(); }));
    answers.push_back(std::move(text));
  }
  return answers;
}

Result<std::vector<double>> UpstreamGenerator::score(const personalize::ScoreRequest&) {
  return Error{ErrorCode::kUnavailable, "an upstream does not score texts"};
}

}  // namespace kith::runtime
