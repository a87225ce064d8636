// Generates with an OpenAI-compatible server instead of the own engine: composes its request, reads
// its answer, and passes on untouched what Kith does not read.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "kith/model/soft_prompt_bridge.h"
#include "kith/personalize/ports.h"
#include "kith/upstream/openai_client.h"

namespace kith::runtime {

struct UpstreamOptions {
  // The model to ask for; empty asks for the one that the client named.
  std::string model;
  int context_tokens = 8192;
  // Whether it understands vLLM's content part "prompt_embeds".
  bool takes_embeddings = false;
  // Makes users' memories rows of its prompts; null: none are sent.
  std::shared_ptr<const model::SoftPromptBridge> bridge;
};

// Thread-safe.
class UpstreamGenerator final : public personalize::Generator {
 public:
  UpstreamGenerator(std::unique_ptr<upstream::OpenAiClient> client, UpstreamOptions options)
      : client_(std::move(client)), options_(std::move(options)) {}

  personalize::GeneratorCapabilities capabilities() const override;
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override { return {}; }

  Result<std::shared_ptr<const personalize::HeldMemory>> hold_memory(
      const personalize::UserMemory& memory) const override;

  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest& request, personalize::DeltaSink* sink,
      const personalize::CancelToken& cancel) override;

  // Null if none was asked for.
  const std::shared_ptr<const model::SoftPromptBridge>& bridge() const { return options_.bridge; }

  // An upstream does not score: kUnavailable.
  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override;

 private:
  std::unique_ptr<upstream::OpenAiClient> client_;
  UpstreamOptions options_;
};

// The body of a request for one answer. Errors: kInvalidArgument if a raw member is no JSON object;
// those of put_prompt_embeds() for a memory.
Result<std::string> upstream_body(const personalize::GenerationRequest& request,
                                  const personalize::SamplingParams& sampling,
                                  const std::string& model, bool streams);

// Reads an upstream's answer. Errors: kInvalidArgument if it is no JSON, kUnavailable if it holds
// no message or is malformed.
Result<personalize::GeneratedText> read_upstream_answer(const std::string& body);

// Reads the answer out of the data of a stream's events, giving its pieces to `sink` (may be null).
// Errors: kUnavailable if an event is malformed or tells of a failure.
Result<personalize::GeneratedText> read_upstream_events(std::span<const std::string> events,
                                                        personalize::DeltaSink* sink);

}  // namespace kith::runtime
