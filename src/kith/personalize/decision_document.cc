#include "kith/personalize/decision_document.h"

#include "kith/base/json.h"
#include "kith/text/utf8.h"

namespace kith::personalize {
namespace {

using base::Json;

constexpr int kSchema = 1;
constexpr std::size_t kExcerptBytes = 160;

void put(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

Json describe_style(const StyleWish& wish) {
  Json json = Json::object();
  put(json, "persona", wish.persona);
  put(json, "tone", wish.tone);
  put(json, "length", wish.length);
  put(json, "format", wish.format);
  put(json, "language", wish.language);
  if (wish.reading_level) json["reading_level"] = *wish.reading_level;
  return json;
}

Json describe_style(const MeasuredStyle& style) {
  Json json = {{"words", style.words}, {"sentences", style.sentences}};
  put(json, "language", style.language);
  if (style.reading_level) json["reading_level"] = *style.reading_level;
  return json;
}

Json describe_persona(const ChatAnswer& answer) {
  Json posterior = Json::object();
  for (const auto& weight : answer.personas) posterior[weight.persona.str()] = weight.probability;
  Json evidence = Json::array();
  for (const auto& item : answer.evidence) {
    evidence.push_back({{"persona", item.persona.str()},
                        {"source", item.source},
                        {"detail", item.detail},
                        {"weight", item.weight}});
  }
  Json json = {{"posterior", posterior}, {"evidence", evidence}};
  if (answer.abstain) json["abstain"] = *answer.abstain;
  put(json, "assigned", answer.assigned.str());
  put(json, "chosen", answer.persona.str());
  return json;
}

Json describe_escalation(const EscalationReport& escalation) {
  Json json = {{"reason", escalation.reason},
               {"name", escalation.target.name},
               {"channel", escalation.target.channel},
               {"in_text", escalation.is_in_text}};
  put(json, "hours", escalation.target.hours);
  return json;
}

Json describe_embedding(const EmbeddingReport& embedding) {
  Json json = {{"version", embedding.version}, {"events", embedding.num_events},
               {"rows", embedding.rows},       {"prompt_rows", embedding.prompt_rows},
               {"bridge", embedding.bridge},   {"bridge_version", embedding.bridge_version}};
  if (embedding.is_persona_mean) {
    json["mean_of"] = embedding.persona.empty() ? "all users" : embedding.persona.str();
  } else {
    json["until"] = base::to_iso8601(embedding.at);
  }
  return json;
}

Json describe_scores(const std::vector<storage::PersonaWeight>& weights) {
  Json scores = Json::object();
  for (const auto& weight : weights) scores[weight.persona.str()] = weight.probability;
  return scores;
}

Json describe_route(const ChatAnswer& answer) {
  const persona::Route& route = *answer.route;
  Json parts = Json::array();
  for (std::size_t i = 0; i < answer.parts.size(); ++i) {
    const AnswerPart& part = answer.parts[i];
    Json item = {{"start", part.start},
                 {"end", part.end},
                 {"scores", describe_scores(route.parts[i].scores)}};
    put(item, "persona", part.persona.str());
    for (const auto& topic : route.parts[i].topics) item["topics"][topic.topic] = topic.probability;
    for (const AdapterShare& share : part.adapters) item["adapters"][share.id.str()] = share.weight;
    parts.push_back(std::move(item));
  }
  return {{"kind", std::string(persona::to_string(route.kind))},
          {"reason", route.reason},
          {"scores", describe_scores(route.scores)},
          {"margin", route.margin},
          {"threshold", route.threshold},
          {"out_of_scope", route.out_of_scope},
          {"out_of_scope_threshold", route.out_of_scope_threshold},
          {"split", route.split},
          {"split_threshold", route.split_threshold},
          {"parts", parts}};
}

Json describe_plan(const ChatAnswer& answer) {
  Json plan = Json::array();
  for (const PlanStep& step : answer.plan) {
    plan.push_back({{"technique", step.technique},
                    {"used", step.used},
                    {"reason", step.reason},
                    {"tokens", step.tokens},
                    {"ms", step.ms}});
  }
  return plan;
}

Json describe_candidates(const ChatAnswer& answer, bool keeps_text) {
  Json list = Json::array();
  for (const CandidateReport& candidate : answer.candidates) {
    Json json = {{"source", candidate.source},
                 {"ne", candidate.ne},
                 {"grounded", candidate.is_grounded},
                 {"chosen", candidate.is_chosen},
                 {"hash", candidate.hash}};
    if (candidate.part > 0) json["part"] = candidate.part;
    if (candidate.mean_logprob) json["mean_logprob"] = *candidate.mean_logprob;
    if (candidate.grounding) json["grounding"] = *candidate.grounding;
    if (keeps_text) put(json, "excerpt", candidate.excerpt);
    list.push_back(std::move(json));
  }
  return list;
}

Json describe_timing(const AnswerTimings& timings) {
  return {{"admission_ms", timings.admission_ms},    {"personalize_ms", timings.personalize_ms},
          {"generate_ms", timings.generate_ms},      {"encode_ms", timings.generator.encode_ms},
          {"queue_ms", timings.generator.queue_ms},  {"prefill_ms", timings.generator.prefill_ms},
          {"decode_ms", timings.generator.decode_ms}};
}

}  // namespace

std::string make_excerpt(const std::string& text) {
  std::string excerpt(text::truncate_utf8(text, kExcerptBytes));
  for (char& c : excerpt) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  if (excerpt.size() < text.size()) excerpt += "…";
  return excerpt;
}

std::string to_decision_document(const ChatAnswer& answer, bool keeps_text) {
  Json passages = Json::array();
  for (const CitedPassage& passage : answer.passages) {
    passages.push_back({{"id", passage.id.str()},
                        {"title", passage.title},
                        {"start", passage.start},
                        {"end", passage.end}});
  }
  Json degraded = Json::array();
  for (const Degradation& item : answer.degraded) {
    degraded.push_back({{"step", item.step}, {"reason", item.reason}});
  }
  Json json = {{"schema", kSchema},
               {"decision", answer.decision.str()},
               {"completion", answer.completion},
               {"at", base::to_iso8601(answer.created_at)},
               {"model", answer.model},
               {"persona", describe_persona(answer)},
               {"queue_class", std::string(to_string(answer.queue_class))},
               {"plan", describe_plan(answer)},
               {"passages", passages},
               {"candidates", describe_candidates(answer, keeps_text)},
               {"probability", answer.probability},
               {"style",
                {{"asked", describe_style(answer.style_asked)},
                 {"measured", describe_style(answer.style_measured)}}},
               {"usage",
                {{"prompt_tokens", answer.prompt_tokens},
                 {"completion_tokens", answer.completion_tokens},
                 {"generated_tokens", answer.generated_tokens}}},
               {"timing", describe_timing(answer.timings)},
               {"degraded", degraded}};
  put(json, "user", answer.user.str());
  put(json, "conversation", answer.conversation.str());
  put(json, "adapter", answer.adapter.str());
  if (answer.adapter_version > 0) json["adapter_version"] = answer.adapter_version;
  if (answer.escalation) json["escalation"] = describe_escalation(*answer.escalation);
  if (answer.embedding) json["embedding"] = describe_embedding(*answer.embedding);
  if (answer.route) json["route"] = describe_route(answer);
  if (answer.adapters.size() > 1) {
    for (const AdapterShare& share : answer.adapters) {
      json["adapters"][share.id.str()] = share.weight;
    }
  }
  return base::dump_json(json);
}

storage::DecisionRow to_decision_row(const ChatAnswer& answer, bool keeps_text) {
  storage::DecisionRow row;
  row.id = answer.decision;
  row.conversation = answer.conversation;
  row.completion = answer.completion;
  row.at = answer.created_at;
  row.persona = answer.persona;
  row.own_persona = answer.assigned;
  row.adapter = answer.adapter;
  row.adapter_version = answer.adapter_version;
  row.chosen = answer.choices.empty() ? "" : answer.choices.front().source;
  row.probability = answer.probability;
  row.document = to_decision_document(answer, keeps_text);
  return row;
}

}  // namespace kith::personalize
