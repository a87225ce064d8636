// Generates text for many requests at once on one compute thread.
//
// Continuous batching (Yu et al. 2022, "Orca"): every step runs one token of each running answer,
// whatever its adapter, and fills the rest of the step with pieces of waiting prompts (chunked
// prefill, Agrawal et al. 2023). Answers to one prompt share its KV blocks, and prompts that begin
// alike those of their beginning. A request is admitted
// only when the blocks of its longest possible answer are free, so a running request never has to
// give way.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/queue_class.h"
#include "kith/base/result.h"
#include "kith/engine/compute_thread.h"
#include "kith/engine/sampler.h"
#include "kith/engine/step_model.h"
#include "kith/grammar/token_grammar.h"
#include "kith/model/adapter.h"
#include "kith/model/memory_bridge.h"
#include "kith/model/memory_matrix.h"
#include "kith/text/token.h"
#include "kith/text/tokenizer.h"

namespace kith::engine {

struct EngineOptions {
  // Tokens of one step, prompts and answers together, >= 1. A decoding answer never waits longer
  // than a step of this size.
  int max_step_tokens = 256;
  // Answers (and prompts) in work at once, >= 1.
  int max_sequences = 64;
  // Requests waiting for admission, >= 1; more are refused with kOverloaded.
  int max_waiting = 128;
  // Who of those that wait is admitted first (base/class_queue.h).
  base::HeadStarts head_starts;
  // Keep the blocks of finished prompts and answers for prompts that begin alike, as long as there
  // is room.
  bool prefix_cache = true;
};

enum class FinishReason : std::uint8_t { kStop, kLength, kCancelled, kDeadline, kError };

// An adapter and the factor of its update. A request keeps its adapters' versions alive.
struct WeightedAdapter {
  std::shared_ptr<const model::Adapter> adapter;
  float weight = 1.0F;
};

// A memory and the bridge through which the model attends to it. A request keeps both alive.
struct BridgedMemory {
  std::shared_ptr<const model::MemoryBridge> bridge;
  std::shared_ptr<const model::MemoryMatrix> matrix;
};

struct GenerateRequest {
  std::vector<text::TokenId> prompt;
  // Empty: the base model; several: a blend. At most four, no adapter twice.
  std::vector<WeightedAdapter> adapters;
  // May be null; the prompt names its rows by soft tokens.
  std::shared_ptr<const model::SoftPrompt> soft_prompt;
  // What prompt and answers attend to besides. Projected once, when the request is admitted, for
  // all answers.
  std::optional<BridgedMemory> memory;
  // Only prompts of one space (a tenant, say), the same adapters, soft prompt and memory share
  // cached beginnings (cache_space.h).
  std::string cache_space;
  // Of its place among those that wait for admission.
  base::QueueClass queue_class = base::QueueClass::kNormal;
  // One answer is generated for each entry, in [1, 128]; all share the prompt.
  std::vector<SamplingParams> samples{SamplingParams{}};
  // Longest answer, >= 1; cut to what the context leaves.
  int max_tokens = 256;
  // Texts that end an answer and are not part of it.
  std::vector<std::string> stop;
  // Tokens that end an answer and are not part of it.
  std::vector<text::TokenId> stop_tokens;
  // On the engine's monotonic clock.
  std::optional<std::chrono::nanoseconds> deadline;
  // What every answer must look like; null: anything. Its vocabulary is the tokenizer's, its end
  // tokens are among `stop_tokens`. Where the shortest text fits `max_tokens`, answers are led to
  // their end in time, which kLength then reports; else they may be cut. Stop strings still cut.
  std::shared_ptr<const grammar::TokenGrammar> grammar;
};

// One more token of an answer. Borrowed for the time of the call.
struct Delta {
  int sample = 0;
  // Complete UTF-8; empty while a character or a possible stop string is incomplete.
  std::string_view text;
  const SampledToken& token;
};

struct Timings {
  double queue_ms = 0.0;
  double prefill_ms = 0.0;
  double decode_ms = 0.0;
};

struct Finish {
  int sample = 0;
  FinishReason reason = FinishReason::kStop;
  // Text that was held back and is shown now.
  std::string text;
  int prompt_tokens = 0;
  // Of the prompt, found in the prefix cache and not computed again.
  int cached_tokens = 0;
  int completion_tokens = 0;
  Timings timings;
  // Why, for kError.
  std::string error;
};

// Receives an answer. Called on the engine's thread: must not block; what it throws is logged and
// dropped. Every sample gets exactly one on_finish().
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_delta(const Delta& delta) = 0;
  virtual void on_finish(const Finish& finish) = 0;
};

struct ScoreRequest {
  std::vector<text::TokenId> prompt;
  // Texts to score after the prompt; each at least one token.
  std::vector<std::vector<text::TokenId>> continuations;
  std::vector<WeightedAdapter> adapters;
  std::shared_ptr<const model::SoftPrompt> soft_prompt;
  std::optional<BridgedMemory> memory;
  std::string cache_space;
  base::QueueClass queue_class = base::QueueClass::kNormal;
  // Alternatives to report with each token, in [0, 20].
  int top_logprobs = 0;
  std::optional<std::chrono::nanoseconds> deadline;
  // Ends the work within one step, with kCancelled.
  std::stop_token cancel;
};

// Of one continuation.
struct ContinuationScore {
  // Natural logarithm of the probability of each token given what precedes it.
  std::vector<float> logprobs;
  // The most likely tokens in the place of each, best first; empty unless asked for.
  std::vector<std::vector<TokenLogprob>> top;
  double mean() const;
};

// A whole answer, for callers that wait.
struct Answer {
  std::string text;
  std::vector<SampledToken> tokens;
  Finish finish;
};

struct EngineStats {
  int running = 0;
  int waiting = 0;
  // Of running requests.
  int kv_blocks_used = 0;
  // Held by the prefix cache, running requests' among them.
  int kv_blocks_kept = 0;
  int kv_blocks = 0;
  // Keys and values of the memories of running requests.
  std::size_t memory_bytes = 0;
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
};

// Cancels its request; copies refer to the same one.
class RequestHandle {
 public:
  RequestHandle() = default;
  explicit RequestHandle(std::shared_ptr<std::atomic<bool>> cancelled)
      : cancelled_(std::move(cancelled)) {}

  // Takes effect within one step. Idempotent.
  void cancel() const {
    if (cancelled_) cancelled_->store(true);
  }

 private:
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

// Thread-safe. Destruction cancels what is left and joins the compute thread.
class Engine final : public ComputeThread {
 public:
  // `tokenizer` turns tokens into text. `clock` must outlive the engine.
  Engine(std::unique_ptr<StepModel> model, text::Tokenizer tokenizer, const base::Clock& clock,
         const EngineOptions& options = {});
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Queues a request; the sink is kept until the last on_finish().
  // Errors: kInvalidArgument for an empty or too long prompt (naming limit and length), a token
  //   outside the vocabulary, a memory that does not fit its bridge or the model, or a parameter
  //   out of range; kOverloaded when too many are waiting.
  Result<RequestHandle> submit(GenerateRequest request, std::shared_ptr<EventSink> sink);

  // Waits for all answers, in the order of the samples.
  // Errors: those of submit(); kDeadlineExceeded; kInternal if the model fails.
  Result<std::vector<Answer>> generate(GenerateRequest request);

  // Waits for the scores, in the order of the continuations.
  // Errors: as generate().
  Result<std::vector<ContinuationScore>> score(ScoreRequest request);

  // Other work for the compute thread: a piece of it runs between two steps.
  bool post(std::function<void()> work) override;

  int max_positions() const;
  EngineStats stats() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace kith::engine
