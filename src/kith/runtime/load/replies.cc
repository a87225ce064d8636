#include "kith/runtime/load/replies.h"

#include <algorithm>

#include "kith/base/json.h"
#include "kith/text/utf8.h"

namespace kith::runtime::load {
namespace {

using base::Json;
using server::TestResponse;

constexpr std::size_t kExcerptBytes = 300;

std::string excerpt(const TestResponse& reply) {
  return std::to_string(reply.status) + " " + reply.body.substr(0, kExcerptBytes);
}

std::size_t count_logprobs(const Json& choice) {
  const auto found = choice.find("logprobs");
  if (found == choice.end() || found->is_null()) return 0;
  return found->contains("content") ? (*found)["content"].size() : (*found)["tokens"].size();
}

std::string text_of(const Json& choice, const char* part) {
  if (choice.contains("text")) return choice["text"].get<std::string>();
  const Json& message = choice[part];
  const auto content = message.find("content");
  return content == message.end() || content->is_null() ? "" : content->get<std::string>();
}

// Adds a choice of an answer or of a chunk to those there are.
Complaint add_choice(const Json& choice, const char* part, Choices& choices) {
  const auto index = choice.at("index").get<std::size_t>();
  if (index >= 128) return "a choice has the index " + std::to_string(index);
  if (index >= choices.texts.size()) {
    choices.texts.resize(index + 1);
    choices.finish_reasons.resize(index + 1);
    choices.num_logprobs.resize(index + 1);
  }
  if (!choices.finish_reasons[index].empty()) return "a choice goes on after its end";
  choices.texts[index] += text_of(choice, part);
  choices.num_logprobs[index] += count_logprobs(choice);
  const Json& reason = choice.at("finish_reason");
  if (!reason.is_null()) choices.finish_reasons[index] = reason.get<std::string>();
  return std::nullopt;
}

Complaint add_document(const Json& document, const char* part, Choices& choices) {
  choices.model = document.at("model").get<std::string>();
  if (document.contains("kith") && document["kith"].contains("decision")) {
    choices.decision = document["kith"]["decision"].get<std::string>();
  }
  if (document.contains("usage") && !document["usage"].is_null()) {
    choices.completion_tokens = document["usage"].at("completion_tokens").get<int>();
  }
  for (const Json& choice : document.at("choices")) {
    if (auto complaint = add_choice(choice, part, choices)) return complaint;
  }
  return std::nullopt;
}

Complaint read_stream(const TestResponse& reply, Choices& choices) {
  const auto events = server::events_of(reply.body);
  if (events.empty() || events.back() != "[DONE]") {
    return "a stream did not end: " + (events.empty() ? excerpt(reply) : events.back());
  }
  std::string id;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const auto chunk = base::parse_json(events[i]);
    if (!chunk) return "an event is not JSON: " + events[i].substr(0, kExcerptBytes);
    if (chunk->contains("error")) return "a stream broke: " + events[i];
    const auto name = chunk->at("id").get<std::string>();
    if (!id.empty() && name != id) return "the events of a stream have different ids";
    id = name;
    if (auto complaint = add_document(*chunk, "delta", choices)) return complaint;
  }
  return std::nullopt;
}

}  // namespace

Complaint check_error(const TestResponse& reply, const std::vector<int>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), reply.status) == allowed.end()) {
    return "an answer that nobody expects: " + excerpt(reply);
  }
  const auto body = base::parse_json(reply.body);
  if (!body || !body->contains("error")) return "an error without its object: " + excerpt(reply);
  const Json& error = (*body)["error"];
  for (const char* member : {"message", "type", "param", "code"}) {
    if (!error.contains(member)) return "an error without its parts: " + excerpt(reply);
  }
  if (reply.status == 429 &&
      (!reply.headers.contains("retry-after") || error["type"] != "rate_limit_error")) {
    return "a refusal that does not say when to come back: " + excerpt(reply);
  }
  return std::nullopt;
}

Complaint read_choices(const TestResponse& reply, bool is_stream, Choices& choices) {
  if (reply.status != 200) return "an answer that nobody expects: " + excerpt(reply);
  try {
    if (is_stream) return read_stream(reply, choices);
    const auto body = base::parse_json(reply.body);
    if (!body) return "an answer is not JSON: " + excerpt(reply);
    return add_document(*body, "message", choices);
  } catch (const Json::exception& error) {
    return std::string("an answer lacks a part: ") + error.what() + ": " + excerpt(reply);
  }
}

Complaint check_choices(const Choices& choices, const Expected& expected) {
  if (static_cast<int>(choices.texts.size()) != expected.num_choices) {
    return "there are " + std::to_string(choices.texts.size()) + " choices and not " +
           std::to_string(expected.num_choices);
  }
  for (std::size_t i = 0; i < choices.texts.size(); ++i) {
    const std::string& text = choices.texts[i];
    const std::string& reason = choices.finish_reasons[i];
    if (reason != "stop" && reason != "length") return "a choice ends by '" + reason + "'";
    if (!text::is_valid_utf8(text)) return "a text is not UTF-8";
    for (const std::string& stop : expected.stop) {
      if (text.find(stop) != std::string::npos) return "a text holds its stop text: " + text;
    }
    if (expected.wants_logprobs && choices.num_logprobs[i] == 0 && !text.empty()) {
      return "a text has no log-probabilities";
    }
    if (static_cast<int>(choices.num_logprobs[i]) > expected.max_tokens) {
      return "a text has more tokens than it may: " + std::to_string(choices.num_logprobs[i]);
    }
    if (expected.is_valid_text != nullptr && !expected.is_valid_text(text)) {
      return "a text is not what its format asks for: " + text;
    }
  }
  return std::nullopt;
}

}  // namespace kith::runtime::load
