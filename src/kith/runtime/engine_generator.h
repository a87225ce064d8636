// Generates with Kith's own engine: chat messages to tokens, an adapter by name, samples in one
// batch.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/engine/adapter_registry.h"
#include "kith/engine/chat_model.h"
#include "kith/engine/engine.h"
#include "kith/model/bridge.h"
#include "kith/personalize/ports.h"
#include "kith/runtime/grammar_cache.h"

namespace kith::runtime {

struct EngineGeneratorOptions {
  std::filesystem::path model_dir;
  // Sub-directories are PEFT adapters; empty or missing means none.
  std::filesystem::path adapters_dir;
  // A bridge for users' memories (docs/formats/memory-bridge.md); empty means none.
  std::filesystem::path bridge_dir;
  // Memory for adapters; what is used least leaves it first.
  std::size_t max_adapter_bytes = std::size_t{1} << 30;
  model::DecoderOptions decoder;
  // Name of a chat format; empty recognises it.
  std::string chat_format;
  // Tokens of KV cache over all requests; rounded up to whole blocks.
  int kv_tokens = 32'768;
  // Longest answer when a request names no limit.
  int default_max_tokens = 256;
  engine::EngineOptions engine;
};

// Thread-safe.
class EngineGenerator final : public personalize::Generator {
 public:
  // Errors: those of engine::ChatModel::load() and model::load_bridge(). An adapter that does not
  // load is logged and left out.
  static Result<std::unique_ptr<EngineGenerator>> create(const EngineGeneratorOptions& options,
                                                         const base::Clock& clock);

  personalize::GeneratorCapabilities capabilities() const override;
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override;
  std::vector<personalize::LoadedAdapter> loaded_adapters() const override;
  Result<std::shared_ptr<const personalize::SoftPrompt>> read_soft_prompt(
      const personalize::EncodedSoftPrompt& encoded) const override;

  Result<std::shared_ptr<const personalize::HeldMemory>> hold_memory(
      const personalize::UserMemory& memory) const override;

  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
      const personalize::CancelToken& cancel) override;

  Status load_adapter(const AdapterId& id, const std::string& path, bool replaces) override;
  Status unload_adapter(const AdapterId& id) override;
  Result<std::shared_ptr<const personalize::HeldAdapters>> hold_adapters(
      std::span<const personalize::AdapterShare> shares) const override;

  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override;

  std::size_t count_tokens(std::string_view text) const override;

  // Where all that computes runs.
  engine::ComputeThread& compute_thread() { return *engine_; }
  engine::AdapterRegistry& adapters() { return *adapters_; }
  engine::EngineStats stats() const { return engine_->stats(); }

  // For what generates without chats (EngineCompletions), on the same model.
  const engine::ChatModel& model() const { return *model_; }
  engine::Engine& engine() { return *engine_; }
  GrammarCache& grammars() { return *grammars_; }
  // Absent if none was asked for.
  const std::optional<model::Bridge>& bridge() const { return bridge_; }
  // Errors: those of hold_adapters().
  Result<std::vector<engine::WeightedAdapter>> find_adapters(
      std::span<const personalize::AdapterShare> shares) const;

 private:
  explicit EngineGenerator(const base::Clock& clock) : clock_(clock) {}

  // The weights that a request holds, or else those that its names mean now.
  Result<std::vector<engine::WeightedAdapter>> weights_of(
      std::span<const personalize::AdapterShare> shares,
      const personalize::HeldAdapters* held) const;
  // The directory that the operator means. Errors: kInvalidArgument if it is outside.
  Result<std::filesystem::path> resolve(const std::string& path) const;
  Result<engine::GenerateRequest> to_engine(const personalize::GenerationRequest& request) const;

  const base::Clock& clock_;
  EngineGeneratorOptions options_;
  std::string name_;
  std::unique_ptr<engine::ChatModel> model_;
  std::unique_ptr<GrammarCache> grammars_;
  std::optional<model::Bridge> bridge_;
  std::unique_ptr<engine::AdapterRegistry> adapters_;
  std::unique_ptr<engine::Engine> engine_;
};

}  // namespace kith::runtime
