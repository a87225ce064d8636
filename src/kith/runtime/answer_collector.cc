#include "kith/runtime/answer_collector.h"

#include <utility>

#include "kith/base/json.h"
#include "kith/runtime/engine_request.h"

namespace kith::runtime {
namespace {

using personalize::GeneratedText;

base::Json token_json(const text::Tokenizer& tokenizer, text::TokenId id, float logprob) {
  const std::string bytes(tokenizer.id_to_bytes(id));
  base::Json list = base::Json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return {{"token", bytes}, {"logprob", logprob}, {"bytes", list}};
}

// An entry of OpenAI's "logprobs.content".
std::string entry_of(const text::Tokenizer& tokenizer, const engine::SampledToken& token) {
  base::Json entry = token_json(tokenizer, token.token, token.logprob);
  entry["top_logprobs"] = base::Json::array();
  for (const auto& top : token.top) {
    entry["top_logprobs"].push_back(token_json(tokenizer, top.token, top.logprob));
  }
  return base::dump_json(entry);
}

void append_entry(std::string& entries, const std::string& entry) {
  if (!entries.empty()) entries += ',';
  entries += entry;
}

std::string logprobs_of(const std::string& entries) {
  return R"({"content":[)" + entries + R"(],"refusal":null})";
}

}  // namespace

AnswerCollector::AnswerCollector(const text::Tokenizer& tokenizer,
                                 std::span<const personalize::SamplingParams> samples,
                                 personalize::DeltaSink* sink)
    : tokenizer_(tokenizer), sink_(sink), missing_(samples.size()) {
  for (const auto& sample : samples) {
    answers_.push_back(
        {.trace = TokenTrace(tokenizer, true), .wants_logprobs = sample.wants_logprobs});
  }
}

void AnswerCollector::on_delta(const engine::Delta& delta) {
  Answer& answer = answers_[static_cast<std::size_t>(delta.sample)];
  if (answer.wants_logprobs) answer.trace.add(delta.token);
  answer.logprob_sum += static_cast<double>(delta.token.logprob);
  ++answer.num_tokens;
  show(delta.sample, delta.text);
}

void AnswerCollector::on_finish(const engine::Finish& finish) {
  answers_[static_cast<std::size_t>(finish.sample)].finish = finish;
  show(finish.sample, finish.text);
  const std::lock_guard lock(mutex_);
  if (--missing_ == 0) done_.notify_all();
}

void AnswerCollector::show(int sample, std::string_view shown) {
  if (shown.empty()) return;
  Answer& answer = answers_[static_cast<std::size_t>(sample)];
  answer.told.text += shown;
  std::string logprobs;
  if (answer.wants_logprobs) {
    std::string entries;
    for (const PlacedToken& placed : answer.trace.take(answer.told.text.size())) {
      append_entry(entries, entry_of(tokenizer_, placed.token));
      answer.told.token_begins.push_back(placed.byte);
    }
    if (!entries.empty()) {
      append_entry(answer.entries, entries);
      logprobs = logprobs_of(entries);
    }
  }
  if (sink_ != nullptr) {
    sink_->on_delta({.sample = sample, .text = shown, .raw = {}, .logprobs = logprobs});
  }
}

Result<std::vector<GeneratedText>> AnswerCollector::wait() {
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return missing_ == 0; });
  }
  std::vector<GeneratedText> texts;
  for (Answer& answer : answers_) {
    KITH_RETURN_IF_ERROR(to_status(answer.finish));
    GeneratedText& text = answer.told;
    text.finish_reason = answer.finish.reason == engine::FinishReason::kLength ? "length" : "stop";
    text.prompt_tokens = answer.finish.prompt_tokens;
    text.cached_tokens = answer.finish.cached_tokens;
    text.completion_tokens = answer.finish.completion_tokens;
    const auto& timings = answer.finish.timings;
    text.timings = {.queue_ms = timings.queue_ms,
                    .prefill_ms = timings.prefill_ms,
                    .decode_ms = timings.decode_ms};
    if (answer.num_tokens > 0) text.mean_logprob = answer.logprob_sum / answer.num_tokens;
    if (answer.wants_logprobs) text.logprobs = logprobs_of(answer.entries);
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace kith::runtime
