#include "kith/api/chat_response.h"

#include <utility>

#include "kith/base/json.h"

namespace kith::api {
namespace {

using Json = base::OrderedJson;

void put_text(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

void put_list(Json& object, const char* key, Json list) {
  if (!list.empty()) object[key] = std::move(list);
}

Json plan_json(const std::vector<KithPlanStep>& plan) {
  Json list = Json::array();
  for (const KithPlanStep& step : plan) {
    list.push_back({{"technique", step.technique},
                    {"used", step.used},
                    {"reason", step.reason},
                    {"tokens", step.tokens},
                    {"ms", step.ms}});
  }
  return list;
}

Json passages_json(const std::vector<KithPassage>& passages) {
  Json list = Json::array();
  for (const KithPassage& passage : passages) {
    list.push_back({{"id", passage.id},
                    {"title", passage.title},
                    {"start", passage.start},
                    {"end", passage.end},
                    {"text", passage.text}});
  }
  return list;
}

Json candidates_json(const std::vector<KithCandidate>& candidates) {
  Json list = Json::array();
  for (const KithCandidate& candidate : candidates) {
    Json item{{"source", candidate.source}, {"ne", candidate.ne}};
    if (candidate.mean_logprob) item["mean_logprob"] = *candidate.mean_logprob;
    if (candidate.grounding) item["grounding"] = *candidate.grounding;
    item["chosen"] = candidate.is_chosen;
    if (candidate.part > 0) item["part"] = candidate.part;
    put_text(item, "excerpt", candidate.excerpt);
    list.push_back(std::move(item));
  }
  return list;
}

Json evidence_json(const std::vector<KithEvidence>& evidence) {
  Json list = Json::array();
  for (const KithEvidence& reason : evidence) {
    list.push_back({{"persona", reason.persona},
                    {"source", reason.source},
                    {"detail", reason.detail},
                    {"weight", reason.weight}});
  }
  return list;
}

Json degraded_json(const std::vector<KithDegradation>& degraded) {
  Json list = Json::array();
  for (const KithDegradation& item : degraded) {
    list.push_back({{"step", item.step}, {"reason", item.reason}});
  }
  return list;
}

Json numbers_json(const std::vector<std::pair<std::string, double>>& numbers) {
  Json object = Json::object();
  for (const auto& [name, value] : numbers) object[name] = value;
  return object;
}

Json route_json(const KithRoute& route) {
  Json object = Json::object();
  if (route.kind.empty()) return object;
  object["kind"] = route.kind;
  put_text(object, "reason", route.reason);
  object["scores"] = numbers_json(route.scores);
  object["margin"] = route.margin;
  object["threshold"] = route.threshold;
  object["out_of_scope"] = route.out_of_scope;
  object["out_of_scope_threshold"] = route.out_of_scope_threshold;
  object["split"] = route.split;
  object["split_threshold"] = route.split_threshold;
  Json parts = Json::array();
  for (const KithRoutePart& part : route.parts) {
    Json item{{"start", part.start}, {"end", part.end}};
    put_text(item, "persona", part.persona);
    put_list(item, "adapters", numbers_json(part.adapters));
    item["scores"] = numbers_json(part.scores);
    put_list(item, "topics", numbers_json(part.topics));
    parts.push_back(std::move(item));
  }
  object["parts"] = std::move(parts);
  return object;
}

Json style_report_json(const KithStyleReport& report) {
  Json object = Json::object();
  for (const auto& [name, text] : report.texts) object[name] = text;
  for (const auto& [name, number] : report.numbers) object[name] = number;
  return object;
}

Json escalation_json(const KithEscalation& escalation) {
  Json object = Json::object();
  if (escalation.reason.empty()) return object;
  object["reason"] = escalation.reason;
  object["name"] = escalation.name;
  object["channel"] = escalation.channel;
  put_text(object, "hours", escalation.hours);
  object["in_text"] = escalation.is_in_text;
  return object;
}

Json kith_json(const KithResponse& kith) {
  Json object = Json::object();
  put_text(object, "user", kith.user);
  put_text(object, "conversation", kith.conversation);
  put_text(object, "decision", kith.decision);
  put_list(object, "persona", numbers_json(kith.persona));
  if (kith.abstain) object["abstain"] = *kith.abstain;
  put_text(object, "assigned_persona", kith.assigned_persona);
  put_text(object, "queue_class", kith.queue_class);
  put_list(object, "evidence", evidence_json(kith.evidence));
  put_text(object, "adapter", kith.adapter);
  if (kith.adapter_version > 0) object["adapter_version"] = kith.adapter_version;
  put_list(object, "adapters", numbers_json(kith.adapters));
  put_list(object, "route", route_json(kith.route));
  put_list(object, "plan", plan_json(kith.plan));
  put_list(object, "passages", passages_json(kith.passages));
  put_list(object, "candidates", candidates_json(kith.candidates));
  if (kith.generated_tokens > 0) object["generated_tokens"] = kith.generated_tokens;
  if (kith.probability) object["probability"] = *kith.probability;
  Json style = Json::object();
  put_list(style, "asked", style_report_json(kith.style_asked));
  put_list(style, "measured", style_report_json(kith.style_measured));
  put_list(object, "style", std::move(style));
  put_list(object, "escalation", escalation_json(kith.escalation));
  put_list(object, "degraded", degraded_json(kith.degraded));
  put_list(object, "timing", numbers_json(kith.timing_ms));
  return object;
}

Json usage_json(const ChatCompletion& completion) {
  return Json{{"prompt_tokens", completion.prompt_tokens},
              {"completion_tokens", completion.completion_tokens},
              {"total_tokens", completion.prompt_tokens + completion.completion_tokens},
              {"prompt_tokens_details", {{"cached_tokens", completion.cached_tokens}}},
              {"completion_tokens_details", {{"reasoning_tokens", 0}}}};
}

// What an upstream sent as JSON text; null if it is no JSON.
Json parsed(std::string_view text) {
  if (text.empty()) return nullptr;
  Result<Json> json = base::parse_ordered_json(text);
  return json ? *std::move(json) : Json(nullptr);
}

Json message_json(const ChatChoice& choice) {
  Json raw = parsed(choice.raw);
  if (raw.is_object()) {
    raw["role"] = "assistant";
    if (!raw.contains("content")) raw["content"] = nullptr;
    return raw;
  }
  return Json{{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
}

// A chunk with one choice.
Json chunk(const std::string& id, std::int64_t created, const std::string& model) {
  return Json{{"id", id},
              {"object", "chat.completion.chunk"},
              {"created", created},
              {"model", model},
              {"choices", Json::array()}};
}

Json delta_choice(int index, Json delta, Json logprobs, Json finish_reason) {
  Json choice = Json::object();
  choice["index"] = index;
  choice["delta"] = std::move(delta);
  choice["logprobs"] = std::move(logprobs);
  choice["finish_reason"] = std::move(finish_reason);
  return choice;
}

void number_tool_calls(Json& delta) {
  const auto calls = delta.find("tool_calls");
  if (calls == delta.end() || !calls->is_array()) return;
  int index = 0;
  for (Json& call : *calls) {
    if (call.is_object() && !call.contains("index")) call["index"] = index;
    ++index;
  }
}

}  // namespace

std::string chat_completion_body(const ChatCompletion& completion) {
  Json choices = Json::array();
  for (std::size_t i = 0; i < completion.choices.size(); ++i) {
    const ChatChoice& choice = completion.choices[i];
    Json item = Json::object();
    item["index"] = i;
    item["message"] = message_json(choice);
    item["logprobs"] = parsed(choice.logprobs);
    item["finish_reason"] = choice.finish_reason;
    choices.push_back(std::move(item));
  }
  Json body{{"id", completion.id},
            {"object", "chat.completion"},
            {"created", completion.created},
            {"model", completion.model}};
  body["choices"] = std::move(choices);
  body["usage"] = usage_json(completion);
  put_list(body, "kith", kith_json(completion.kith));
  return base::dump_json(body);
}

ChunkWriter::ChunkWriter(const ChatCompletion& head, bool wants_usage)
    : id_(head.id), created_(head.created), model_(head.model), wants_usage_(wants_usage) {}

std::string ChunkWriter::start(int index, const KithResponse* kith) const {
  Json body = chunk(id_, created_, model_);
  body["choices"].push_back(
      delta_choice(index, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr));
  if (wants_usage_) body["usage"] = nullptr;
  if (kith != nullptr) put_list(body, "kith", kith_json(*kith));
  return base::dump_json(body);
}

std::string ChunkWriter::delta(int index, const ChatPiece& piece) const {
  Json delta = parsed(piece.raw);
  if (delta.is_object()) {
    number_tool_calls(delta);
  } else {
    delta = Json{{"content", piece.text}};
  }
  Json body = chunk(id_, created_, model_);
  body["choices"].push_back(delta_choice(index, std::move(delta), parsed(piece.logprobs), nullptr));
  if (wants_usage_) body["usage"] = nullptr;
  return base::dump_json(body);
}

std::string ChunkWriter::finish(int index, const ChatChoice& choice,
                                const KithResponse* kith) const {
  Json body = chunk(id_, created_, model_);
  // A choice without any text has had no other chunk to say that they were asked for. Those of an
  // upstream's tool calls have gone out.
  Json logprobs = choice.text.empty() ? parsed(choice.logprobs) : Json(nullptr);
  if (logprobs.is_object() && !logprobs.value("content", Json()).empty()) logprobs = nullptr;
  body["choices"].push_back(
      delta_choice(index, Json::object(), std::move(logprobs), choice.finish_reason));
  if (wants_usage_) body["usage"] = nullptr;
  if (kith != nullptr) put_list(body, "kith", kith_json(*kith));
  return base::dump_json(body);
}

std::string ChunkWriter::usage(const ChatCompletion& completion) const {
  Json body = chunk(id_, created_, model_);
  body["usage"] = usage_json(completion);
  return base::dump_json(body);
}

}  // namespace kith::api
