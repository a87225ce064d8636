#include "kith/runtime/engine_generator.h"

#include <algorithm>

#include "kith/base/check.h"
#include "kith/base/log.h"
#include "kith/personalize/model_names.h"
#include "kith/runtime/answer_collector.h"
#include "kith/runtime/engine_request.h"
#include "kith/runtime/held_memory.h"

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

struct HeldWeights final : personalize::HeldAdapters {
  std::vector<std::string> fingerprints() const override {
    std::vector<std::string> all;
    for (const auto& weighted : adapters) all.push_back(weighted.adapter->version());
    return all;
  }

  std::vector<engine::WeightedAdapter> adapters;
};

// What stands beside the tokens of a prompt, for answers and scores alike.
template <typename From, typename To>
Status put_known(const From& request, To& out) {
  const HeldUserMemory* held = find_held(request.memory);
  const auto rows =
      held == nullptr ? request.soft_prompt : join_rows(request.soft_prompt, held->rows());
  KITH_ASSIGN_OR_RETURN(out.soft_prompt, put_before(rows, out.prompt));
  if (held != nullptr) out.memory = held->attended();
  return {};
}

// Where the server's files lie is nobody's business.
std::string without_root(std::string message, const std::filesystem::path& root) {
  const std::string prefix = root.string() + "/";
  for (auto at = message.find(prefix); at != std::string::npos; at = message.find(prefix, at)) {
    message.erase(at, prefix.size());
  }
  return message;
}

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
  auto generator = std::unique_ptr<EngineGenerator>(new EngineGenerator(clock));
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
      engine::AdapterRegistryOptions{
          .storage = generator->model_->decoder->weights(),
          .max_bytes = options.max_adapter_bytes,
          .reserved = {AdapterId(personalize::kUsualModel), AdapterId(generator->name_)}});
  if (!options.adapters_dir.empty()) {
    if (auto loaded = generator->adapters_->load_all(generator->options_.adapters_dir); !loaded) {
      base::log_warn("an adapter was left out: " + loaded.error().message);
    }
  }
  if (!options.bridge_dir.empty()) {
    const model::Decoder& decoder = *generator->model_->decoder;
    KITH_ASSIGN_OR_RETURN(
        generator->bridge_,
        model::load_bridge(options.bridge_dir, decoder.config(),
                           {.weights = decoder.weights(), .threads = options.decoder.threads}));
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
          .no_memories = bridge_ ? "" : "no bridge",
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
    const bool is_inside = !path.empty() && *path.begin() != "..";
    loaded.push_back({info.number, info.id, is_inside ? path.string() : ""});
  }
  std::sort(loaded.begin(), loaded.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return loaded;
}

Result<std::filesystem::path> EngineGenerator::resolve(const std::string& path) const {
  // Symbolic links are resolved before the check, so none leads out. A byte of zero would end the
  // path for the system alone.
  std::error_code error;
  const auto& root = options_.adapters_dir;
  const auto dir = std::filesystem::weakly_canonical(root / path, error);
  const auto inside = dir.lexically_relative(root);
  if (error || path.find('\0') != std::string::npos || inside.empty() || inside == "." ||
      *inside.begin() == "..") {
    return Error{ErrorCode::kInvalidArgument,
                 "lora_path must lie in the server's directory of adapters: " + path};
  }
  return dir;
}

Status EngineGenerator::load_adapter(const AdapterId& id, const std::string& path, bool replaces) {
  if (options_.adapters_dir.empty()) {
    return Error{ErrorCode::kUnavailable, "no directory of adapters is set: model.adapters"};
  }
  if (id.empty() || adapters_->is_reserved(id)) {
    return Error{ErrorCode::kInvalidArgument, "lora_name must not be that of a model: " + id.str()};
  }
  KITH_ASSIGN_OR_RETURN(const auto dir, resolve(path));
  auto loaded = adapters_->load(id, dir, replaces);
  if (loaded) return loaded;
  const bool is_name = loaded.error().code == ErrorCode::kConflict;
  return Error{loaded.error().code,
               std::string(is_name ? "lora_name: " : "lora_path: ") +
                   without_root(loaded.error().message, options_.adapters_dir)};
}

Status EngineGenerator::unload_adapter(const AdapterId& id) { return adapters_->unload(id); }

Result<std::vector<engine::WeightedAdapter>> EngineGenerator::find_adapters(
    std::span<const personalize::AdapterShare> shares) const {
  std::vector<engine::WeightedAdapter> found;
  for (const personalize::AdapterShare& share : shares) {
    auto adapter = adapters_->find(share.id);
    if (!adapter && adapter.error().code != ErrorCode::kNotFound) {
      base::log_warn(adapter.error().message);
      return Error{ErrorCode::kUnavailable,
                   "the files of the adapter cannot be read now: " + share.id.str()};
    }
    if (!adapter) return std::move(adapter).error();
    found.push_back({*std::move(adapter), static_cast<float>(share.weight)});
  }
  return found;
}

Result<std::shared_ptr<const personalize::HeldAdapters>> EngineGenerator::hold_adapters(
    std::span<const personalize::AdapterShare> shares) const {
  auto held = std::make_shared<HeldWeights>();
  KITH_ASSIGN_OR_RETURN(held->adapters, find_adapters(shares));
  return std::shared_ptr<const personalize::HeldAdapters>(std::move(held));
}

Result<std::vector<engine::WeightedAdapter>> EngineGenerator::weights_of(
    std::span<const personalize::AdapterShare> shares,
    const personalize::HeldAdapters* held) const {
  if (held == nullptr) return find_adapters(shares);
  const auto* weights = dynamic_cast<const HeldWeights*>(held);
  KITH_CHECK(weights != nullptr, "adapters are held by the generator that generates");
  return weights->adapters;
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

Result<std::shared_ptr<const personalize::HeldMemory>> EngineGenerator::hold_memory(
    const personalize::UserMemory& memory) const {
  if (!bridge_) return Generator::hold_memory(memory);
  return hold_through(*bridge_, memory);
}

Result<engine::GenerateRequest> EngineGenerator::to_engine(
    const personalize::GenerationRequest& request) const {
  engine::GenerateRequest out;
  KITH_ASSIGN_OR_RETURN(out.prompt, model_->encode(to_chat(request.messages)));
  if (!request.answer_prefix.empty()) {
    const auto begun = model_->tokenizer.encode(request.answer_prefix);
    out.prompt.insert(out.prompt.end(), begun.begin(), begun.end());
  }
  KITH_RETURN_IF_ERROR(put_known(request, out));
  KITH_ASSIGN_OR_RETURN(out.adapters, weights_of(request.adapters, request.held_adapters.get()));
  out.cache_space = request.tenant.str();
  out.queue_class = request.queue_class;
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
  const auto start = clock_.monotonic();
  KITH_ASSIGN_OR_RETURN(engine::GenerateRequest engine_request, to_engine(request));
  const auto collector =
      std::make_shared<AnswerCollector>(model_->tokenizer, request.samples, sink);
  // Not after submit(): what has been woken may have taken this thread's core.
  const std::chrono::duration<double, std::milli> encoding = clock_.monotonic() - start;
  KITH_ASSIGN_OR_RETURN(const engine::RequestHandle handle,
                        engine_->submit(std::move(engine_request), collector));
  const std::stop_callback on_cancel(cancel, [&handle] { handle.cancel(); });
  auto texts = collector->wait();
  if (texts) {
    for (GeneratedText& text : *texts) text.timings.encode_ms = encoding.count();
  }
  return texts;
}

Result<std::vector<double>> EngineGenerator::score(const personalize::ScoreRequest& request) {
  engine::ScoreRequest out;
  KITH_ASSIGN_OR_RETURN(out.prompt, model_->encode(to_chat(request.messages)));
  KITH_RETURN_IF_ERROR(put_known(request, out));
  KITH_ASSIGN_OR_RETURN(out.adapters, weights_of(request.adapters, request.held_adapters.get()));
  out.cache_space = request.tenant.str();
  out.queue_class = request.queue_class;
  out.cancel = request.cancel;
  for (const std::string& continuation : request.continuations) {
    out.continuations.push_back(model_->tokenizer.encode(continuation));
  }
  KITH_ASSIGN_OR_RETURN(const auto scores, engine_->score(std::move(out)));
  std::vector<double> means;
  means.reserve(scores.size());
  for (const auto& score : scores) means.push_back(score.mean());
  return means;
}

std::size_t EngineGenerator::count_tokens(std::string_view text) const {
  return model_->tokenizer.encode(text).size();
}

}  // namespace kith::runtime
