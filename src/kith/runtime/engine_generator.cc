#include "kith/runtime/engine_generator.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <numeric>

#include "kith/base/json.h"
#include "kith/base/log.h"
#include "kith/runtime/engine_request.h"
#include "kith/runtime/token_trace.h"

namespace kith::runtime {
namespace {

using personalize::GeneratedText;

std::vector<text::ChatMessage> to_chat(std::span<const personalize::Message> messages) {
  std::vector<text::ChatMessage> chat;
  // "developer" is OpenAI's later name of the system role; models know the older one.
  for (const auto& message : messages) {
    chat.push_back({message.role == "developer" ? "system" : message.role, message.content});
  }
  return chat;
}

base::Json token_json(const text::Tokenizer& tokenizer, text::TokenId id, float logprob) {
  const std::string bytes(tokenizer.id_to_bytes(id));
  base::Json list = base::Json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return {{"token", bytes}, {"logprob", logprob}, {"bytes", list}};
}

// OpenAI's "logprobs" object. Tokens of a stop string are no part of the answer.
std::string logprobs_json(const text::Tokenizer& tokenizer, const engine::Answer& answer) {
  TokenTrace trace(tokenizer, true);
  for (const auto& token : answer.tokens) trace.add(token);
  base::Json content = base::Json::array();
  for (const auto& [token, code_point] : trace.take(answer.text.size())) {
    base::Json entry = token_json(tokenizer, token.token, token.logprob);
    entry["top_logprobs"] = base::Json::array();
    for (const auto& top : token.top) {
      entry["top_logprobs"].push_back(token_json(tokenizer, top.token, top.logprob));
    }
    content.push_back(std::move(entry));
  }
  return base::dump_json(base::Json{{"content", content}, {"refusal", nullptr}});
}

// Collects the answers of a request and passes their pieces on. The engine's thread writes, the
// caller's thread waits.
class Collector final : public engine::EventSink {
 public:
  Collector(std::size_t samples, personalize::DeltaSink* sink)
      : answers_(samples), missing_(samples), sink_(sink) {}

  void on_delta(const engine::Delta& delta) override {
    engine::Answer& answer = answers_[static_cast<std::size_t>(delta.sample)];
    answer.text += delta.text;
    answer.tokens.push_back(delta.token);
    pass_on(delta.sample, delta.text);
  }

  void on_finish(const engine::Finish& finish) override {
    engine::Answer& answer = answers_[static_cast<std::size_t>(finish.sample)];
    answer.text += finish.text;
    answer.finish = finish;
    pass_on(finish.sample, finish.text);
    const std::lock_guard lock(mutex_);
    if (--missing_ == 0) done_.notify_all();
  }

  std::vector<engine::Answer>& wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return missing_ == 0; });
    return answers_;
  }

 private:
  void pass_on(int sample, std::string_view text) {
    if (sink_ != nullptr && !text.empty())
      sink_->on_delta({.sample = sample, .text = text, .raw = {}});
  }

  std::vector<engine::Answer> answers_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t missing_;  // guarded by mutex_
  personalize::DeltaSink* sink_;
};

Result<std::shared_ptr<const model::SoftPrompt>> decode_rows(
    const personalize::EncodedSoftPrompt& encoded) {
  using Format = personalize::EncodedSoftPrompt::Format;
  const auto bytes = std::as_bytes(std::span(encoded.bytes));
  if (encoded.format == Format::kSafetensors) return model::SoftPrompt::parse(bytes);
  KITH_ASSIGN_OR_RETURN(
      std::vector<float> values,
      model::decode_values(bytes, encoded.format == Format::kF32 ? "f32" : "f16"));
  return model::SoftPrompt::create(std::move(values), encoded.width);
}

}  // namespace

Result<std::unique_ptr<EngineGenerator>> EngineGenerator::create(
    const EngineGeneratorOptions& options, const base::Clock& clock) {
  auto generator = std::unique_ptr<EngineGenerator>(new EngineGenerator());
  generator->options_ = options;
  if (!options.adapters_dir.empty()) {
    std::error_code error;
    generator->options_.adapters_dir =
        std::filesystem::weakly_canonical(options.adapters_dir, error);
  }
  const auto dir = std::filesystem::weakly_canonical(options.model_dir);
  generator->name_ = dir.filename().string();
  KITH_ASSIGN_OR_RETURN(
      engine::ChatModel model,
      engine::ChatModel::load(options.model_dir,
                              {.decoder = options.decoder, .chat_format = options.chat_format}));
  generator->model_ = std::make_unique<engine::ChatModel>(std::move(model));
  generator->grammars_ =
      std::make_unique<GrammarCache>(generator->model_->tokenizer, generator->model_->stop_tokens);
  generator->adapters_ = std::make_unique<engine::AdapterRegistry>(
      generator->model_->decoder->config(),
      engine::AdapterRegistryOptions{.storage = generator->model_->decoder->weights(),
                                     .max_bytes = options.max_adapter_bytes});
  if (!options.adapters_dir.empty()) {
    if (auto loaded = generator->adapters_->load_all(generator->options_.adapters_dir); !loaded) {
      base::log_warn("an adapter was left out: " + loaded.error().message);
    }
  }
  const int blocks = (options.kv_tokens + nn::kBlockTokens - 1) / nn::kBlockTokens;
  generator->engine_ = std::make_unique<engine::Engine>(
      std::make_unique<engine::DecoderStepModel>(generator->model_->decoder, blocks),
      generator->model_->tokenizer, clock, options.engine);
  return generator;
}

personalize::GeneratorCapabilities EngineGenerator::capabilities() const {
  return {.is_own_engine = true,
          .has_adapters = true,
          .has_tools = false,
          .has_images = false,
          .has_scores = true,
          .context_tokens = engine_->max_positions(),
          .model = name_};
}

std::vector<AdapterId> EngineGenerator::adapter_names() const {
  std::vector<AdapterId> names;
  for (const auto& info : adapters_->list()) names.push_back(info.id);
  return names;
}

std::vector<personalize::LoadedAdapter> EngineGenerator::loaded_adapters() const {
  std::vector<personalize::LoadedAdapter> loaded;
  for (const auto& info : adapters_->list()) {
    // As load_adapter() takes it: where the server's files lie is nobody's business.
    const auto path = info.dir.lexically_relative(options_.adapters_dir);
    loaded.push_back({info.number, info.id, path.string()});
  }
  std::sort(loaded.begin(), loaded.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return loaded;
}

Status EngineGenerator::load_adapter(const AdapterId& id, const std::string& path, bool replaces) {
  if (options_.adapters_dir.empty()) {
    return Error{ErrorCode::kUnavailable, "no directory of adapters is set: model.adapters"};
  }
  const auto names = adapter_names();
  if (!replaces && std::find(names.begin(), names.end(), id) != names.end()) {
    return Error{ErrorCode::kConflict, "an adapter of that name is loaded already: " + id.str()};
  }
  // Symbolic links are resolved before the check, so none leads out.
  std::error_code error;
  const auto& root = options_.adapters_dir;
  const auto dir = std::filesystem::weakly_canonical(root / path, error);
  const auto inside = dir.lexically_relative(root);
  if (error || inside.empty() || inside == "." || *inside.begin() == "..") {
    return Error{ErrorCode::kInvalidArgument,
                 "the adapter must lie in the server's directory of adapters: " + path};
  }
  return adapters_->load(id, dir);
}

Status EngineGenerator::unload_adapter(const AdapterId& id) { return adapters_->unload(id); }

Result<std::vector<engine::WeightedAdapter>> EngineGenerator::find_adapters(
    std::span<const personalize::AdapterShare> shares) const {
  std::vector<engine::WeightedAdapter> found;
  for (const personalize::AdapterShare& share : shares) {
    KITH_ASSIGN_OR_RETURN(auto adapter, adapters_->find(share.id));
    found.push_back({std::move(adapter), static_cast<float>(share.weight)});
  }
  return found;
}

Result<std::shared_ptr<const personalize::SoftPrompt>> EngineGenerator::read_soft_prompt(
    const personalize::EncodedSoftPrompt& encoded) const {
  auto rows = decode_rows(encoded);
  if (!rows) return std::move(rows).error().with_context("kith.soft_prompt");
  const int width = model_->decoder->config().hidden_size;
  const int context = engine_->max_positions();
  if ((*rows)->width() != width) {
    return Error{ErrorCode::kInvalidArgument, "kith.soft_prompt must be as wide as the model, " +
                                                  std::to_string(width) + ": " +
                                                  std::to_string((*rows)->width())};
  }
  if ((*rows)->rows() >= context) {
    return Error{ErrorCode::kInvalidArgument,
                 "kith.soft_prompt must have fewer rows than the context, " +
                     std::to_string(context) + ": " + std::to_string((*rows)->rows())};
  }
  personalize::SoftPrompt prompt;
  prompt.width = width;
  prompt.values.assign((*rows)->values().begin(), (*rows)->values().end());
  return std::make_shared<const personalize::SoftPrompt>(std::move(prompt));
}

Result<engine::GenerateRequest> EngineGenerator::to_engine(
    const personalize::GenerationRequest& request) const {
  engine::GenerateRequest out;
  KITH_ASSIGN_OR_RETURN(out.prompt, model_->encode(to_chat(request.messages)));
  KITH_ASSIGN_OR_RETURN(out.soft_prompt, put_before(request.soft_prompt, out.prompt));
  KITH_ASSIGN_OR_RETURN(out.adapters, find_adapters(request.adapters));
  out.cache_space = request.tenant.str();
  out.samples.clear();
  for (const auto& sample : request.samples) out.samples.push_back(runtime::to_engine(sample));
  out.max_tokens = request.max_tokens.value_or(options_.default_max_tokens);
  out.stop = request.stop;
  KITH_ASSIGN_OR_RETURN(out.grammar, grammars_->get(request.format));
  // A grammar ends its texts itself, and may well hold what ends a turn elsewhere.
  if (out.grammar == nullptr) {
    for (const auto& stop : model_->chat_template.stop_texts()) out.stop.push_back(stop);
  }
  out.stop_tokens = model_->stop_tokens;
  return out;
}

Result<std::vector<GeneratedText>> EngineGenerator::generate(
    const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
    const personalize::CancelToken& cancel) {
  KITH_ASSIGN_OR_RETURN(engine::GenerateRequest engine_request, to_engine(request));
  const auto collector = std::make_shared<Collector>(request.samples.size(), sink);
  KITH_ASSIGN_OR_RETURN(const engine::RequestHandle handle,
                        engine_->submit(std::move(engine_request), collector));
  const std::stop_callback on_cancel(cancel, [&handle] { handle.cancel(); });
  std::vector<GeneratedText> texts;
  for (engine::Answer& answer : collector->wait()) {
    KITH_RETURN_IF_ERROR(to_status(answer.finish));
    GeneratedText text;
    text.text = answer.text;
    text.finish_reason = answer.finish.reason == engine::FinishReason::kLength ? "length" : "stop";
    text.prompt_tokens = answer.finish.prompt_tokens;
    text.cached_tokens = answer.finish.cached_tokens;
    text.completion_tokens = answer.finish.completion_tokens;
    const auto& timings = answer.finish.timings;
    text.timings = {timings.queue_ms, timings.prefill_ms, timings.decode_ms};
    if (!answer.tokens.empty()) {
      double total = 0.0;
      for (const auto& token : answer.tokens) total += static_cast<double>(token.logprob);
      text.mean_logprob = total / static_cast<double>(answer.tokens.size());
    }
    if (request.samples[texts.size()].wants_logprobs) {
      text.logprobs = logprobs_json(model_->tokenizer, answer);
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::vector<double>> EngineGenerator::score(const personalize::ScoreRequest& request) {
  engine::ScoreRequest out;
  KITH_ASSIGN_OR_RETURN(out.prompt, model_->encode(to_chat(request.messages)));
  KITH_ASSIGN_OR_RETURN(out.soft_prompt, put_before(request.soft_prompt, out.prompt));
  KITH_ASSIGN_OR_RETURN(out.adapters, find_adapters(request.adapters));
  out.cache_space = request.tenant.str();
  out.cancel = request.cancel;
  for (const std::string& continuation : request.continuations) {
    out.continuations.push_back(model_->tokenizer.encode(continuation));
  }
  KITH_ASSIGN_OR_RETURN(const auto scores, engine_->score(std::move(out)));
  std::vector<double> means;
  for (const auto& score : scores) means.push_back(score.mean());
  return means;
}

std::size_t EngineGenerator::count_tokens(std::string_view text) const {
  return model_->tokenizer.encode(text).size();
}

}  // namespace kith::runtime
