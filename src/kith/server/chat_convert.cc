#include "kith/server/chat_convert.h"

#include <utility>

#include "kith/base/clock.h"

namespace kith::server {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

personalize::StyleWish to_style(api::KithStyle style) {
  personalize::StyleWish wish;
  wish.tone = std::move(style.tone);
  wish.length = std::move(style.length);
  wish.format = std::move(style.format);
  wish.language = std::move(style.language);
  wish.reading_level = style.reading_level;
  return wish;
}

api::KithStyleReport to_report(const personalize::StyleWish& wish) {
  api::KithStyleReport report;
  const std::pair<const char*, const std::string&> texts[] = {{"persona", wish.persona},
                                                              {"tone", wish.tone},
                                                              {"length", wish.length},
                                                              {"format", wish.format},
                                                              {"language", wish.language}};
  for (const auto& [name, text] : texts) {
    if (!text.empty()) report.texts[name] = text;
  }
  if (wish.reading_level) report.numbers["reading_level"] = *wish.reading_level;
  return report;
}

api::KithStyleReport to_report(const personalize::MeasuredStyle& style) {
  api::KithStyleReport report;
  if (style.words == 0 && style.sentences == 0) return report;
  if (!style.language.empty()) report.texts["language"] = style.language;
  if (style.reading_level) report.numbers["reading_level"] = *style.reading_level;
  report.numbers["words"] = style.words;
  report.numbers["sentences"] = style.sentences;
  return report;
}

api::KithEscalation to_escalation(const personalize::EscalationReport& report) {
  return {report.reason, report.target.name, report.target.channel, report.target.hours,
          report.is_in_text};
}

void add_reasons(const personalize::ChatAnswer& answer, api::KithResponse& kith) {
  for (const auto& weight : answer.personas) {
    kith.persona.emplace_back(weight.persona.str(), weight.probability);
  }
  for (const auto& reason : answer.evidence) {
    kith.evidence.push_back({reason.persona.str(), reason.source, reason.detail, reason.weight});
  }
  for (const auto& step : answer.plan) {
    kith.plan.push_back({step.technique, step.used, step.reason, step.tokens, step.ms});
  }
  for (const auto& passage : answer.passages) {
    kith.passages.push_back(
        {passage.id.str(), passage.title, passage.start, passage.end, passage.text});
  }
  for (const auto& candidate : answer.candidates) {
    kith.candidates.push_back({candidate.part, candidate.source, candidate.ne,
                               candidate.mean_logprob, candidate.grounding, candidate.is_chosen,
                               candidate.excerpt});
  }
  for (const auto& item : answer.degraded) kith.degraded.push_back({item.step, item.reason});
}

std::vector<std::pair<std::string, double>> to_numbers(
    const std::vector<storage::PersonaWeight>& weights) {
  std::vector<std::pair<std::string, double>> numbers;
  for (const auto& weight : weights) {
    numbers.emplace_back(weight.persona.str(), weight.probability);
  }
  return numbers;
}

api::KithRoute to_route(const personalize::ChatAnswer& answer) {
  const persona::Route& route = *answer.route;
  api::KithRoute wire{.kind = std::string(persona::to_string(route.kind)),
                      .reason = route.reason,
                      .scores = to_numbers(route.scores),
                      .margin = route.margin,
                      .threshold = route.threshold,
                      .out_of_scope = route.out_of_scope,
                      .out_of_scope_threshold = route.out_of_scope_threshold,
                      .split = route.split,
                      .split_threshold = route.split_threshold,
                      .parts = {}};
  for (std::size_t i = 0; i < answer.parts.size(); ++i) {
    const personalize::AnswerPart& part = answer.parts[i];
    api::KithRoutePart item{.start = part.start,
                            .end = part.end,
                            .persona = part.persona.str(),
                            .adapters = {},
                            .scores = to_numbers(route.parts[i].scores),
                            .topics = {}};
    for (const auto& topic : route.parts[i].topics) {
      item.topics.emplace_back(topic.topic, topic.probability);
    }
    for (const auto& share : part.adapters) {
      item.adapters.emplace_back(share.id.str(), share.weight);
    }
    wire.parts.push_back(std::move(item));
  }
  return wire;
}

void add_timing(const personalize::AnswerTimings& timings, api::KithResponse& kith) {
  const std::pair<const char*, double> parts[] = {
      {"admission_ms", timings.admission_ms},     {"total_ms", timings.total_ms},
      {"personalize_ms", timings.personalize_ms}, {"generate_ms", timings.generate_ms},
      {"record_ms", timings.record_ms},           {"encode_ms", timings.generator.encode_ms},
      {"queue_ms", timings.generator.queue_ms},   {"prefill_ms", timings.generator.prefill_ms},
      {"decode_ms", timings.generator.decode_ms}};
  for (const auto& [name, ms] : parts) {
    if (ms > 0.0) kith.timing_ms.emplace_back(name, ms);
  }
}

}  // namespace

personalize::SamplingParams to_sampling(const api::SamplingFields& fields) {
  personalize::SamplingParams params;
  params.temperature = fields.temperature;
  params.top_p = fields.top_p;
  params.min_p = fields.min_p;
  params.top_k = fields.top_k;
  params.presence_penalty = fields.presence_penalty;
  params.frequency_penalty = fields.frequency_penalty;
  params.repetition_penalty = fields.repetition_penalty;
  if (fields.seed) params.seed = static_cast<std::uint64_t>(*fields.seed);
  params.logit_bias = fields.logit_bias;
  return params;
}

personalize::OutputFormat to_format(api::OutputFormat format) {
  using From = api::OutputFormat::Kind;
  using To = personalize::OutputFormat::Kind;
  const auto to_kind = [](From kind) {
    switch (kind) {
      case From::kJsonObject:
        return To::kJsonObject;
      case From::kJsonSchema:
        return To::kJsonSchema;
      case From::kChoice:
        return To::kChoice;
      case From::kText:
        break;
    }
    return To::kText;
  };
  return {.kind = to_kind(format.kind),
          .schema = std::move(format.schema),
          .choices = std::move(format.choices),
          .member = std::move(format.member)};
}

personalize::ChatRequest to_chat_request(api::ChatCompletionRequest request, storage::Scope scope) {
  personalize::ChatRequest chat;
  chat.scope = std::move(scope);
  chat.conversation = ConversationId(request.kith.conversation);
  for (api::ChatMessage& message : request.messages) {
    chat.messages.push_back(
        {std::move(message.role), std::move(message.content), std::move(message.raw)});
  }
  chat.sampling = to_sampling(request);
  chat.sampling.wants_logprobs = request.wants_logprobs;
  chat.sampling.top_logprobs = request.top_logprobs;
  chat.model = std::move(request.model);
  chat.max_tokens = request.max_tokens;
  chat.stop = std::move(request.stop);
  chat.format = to_format(std::move(request.format));
  chat.num_choices = request.n;
  chat.extra = std::move(request.extra);
  chat.upstream_only = std::move(request.upstream_only);
  chat.stores = request.store.value_or(true) && !request.kith.is_temporary;
  chat.context = std::move(request.kith.context);
  chat.plan = std::move(request.kith.plan);
  chat.num_drafts = request.kith.candidates;
  chat.style = to_style(std::move(request.kith.style));
  return chat;
}

api::ChatCompletion to_chat_head(const personalize::ChatAnswer& answer) {
  api::ChatCompletion head;
  head.id = answer.completion;
  head.created = answer.created_at / kMicrosPerSecond;
  head.model = answer.model;
  head.kith.user = answer.user.str();
  head.kith.conversation = answer.conversation.str();
  head.kith.decision = answer.decision.str();
  head.kith.abstain = answer.abstain;
  head.kith.assigned_persona = answer.assigned.str();
  head.kith.queue_class = std::string(to_string(answer.queue_class));
  if (answer.route) head.kith.route = to_route(answer);
  head.kith.adapter = answer.adapter.str();
  head.kith.adapter_version = answer.adapter_version;
  if (answer.adapters.size() > 1) {
    for (const auto& share : answer.adapters) {
      head.kith.adapters.emplace_back(share.id.str(), share.weight);
    }
  }
  head.kith.style_asked = to_report(answer.style_asked);
  add_reasons(answer, head.kith);
  return head;
}

api::ChatChoice to_chat_choice(const personalize::Choice& choice) {
  return {choice.text, choice.finish_reason, choice.logprobs, choice.raw};
}

api::ChatCompletion to_chat_completion(const personalize::ChatAnswer& answer) {
  api::ChatCompletion completion = to_chat_head(answer);
  for (const auto& choice : answer.choices) completion.choices.push_back(to_chat_choice(choice));
  completion.prompt_tokens = answer.prompt_tokens;
  completion.cached_tokens = answer.cached_tokens;
  completion.completion_tokens = answer.completion_tokens;
  completion.kith.generated_tokens = answer.generated_tokens;
  completion.kith.probability = answer.probability;
  completion.kith.style_measured = to_report(answer.style_measured);
  if (answer.escalation) completion.kith.escalation = to_escalation(*answer.escalation);
  add_timing(answer.timings, completion.kith);
  return completion;
}

}  // namespace kith::server
