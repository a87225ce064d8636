// A request in work and its sequences: the state that the engine's loop moves along. Private to the
// engine.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kith/engine/engine.h"
#include "kith/engine/kv_blocks.h"
#include "kith/engine/mask_worker.h"
#include "kith/engine/stop_filter.h"
#include "kith/model/projected_memory.h"
#include "kith/text/stream_decoder.h"

namespace kith::engine {

// Tokens and the cache blocks that hold the first `cached` of them.
struct CachedTokens {
  std::vector<text::TokenId> tokens;
  int cached = 0;
  std::vector<std::int32_t> blocks;

  int size() const { return static_cast<int>(tokens.size()); }
  int pending() const { return size() - cached; }
};

// One answer, or one continuation to score.
struct Sequence {
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;
  Sequence(int index, const SamplingParams& params, const CachedTokens& prompt,
           const text::Tokenizer& tokenizer, std::vector<std::string> stops)
      : sample(index),
        sampler(params, static_cast<std::uint64_t>(index), prompt.tokens),
        decoder(tokenizer, {.skip_special = true, .continues_text = true}),
        filter(std::move(stops)) {}

  int sample;
  CachedTokens context;
  Sampler sampler;
  text::StreamDecoder decoder;
  StopFilter filter;
  // Null without a grammar.
  std::unique_ptr<Constraint> constraint;
  int generated = 0;
  bool done = false;
  // Scoring only.
  ContinuationScore score;
};

struct Job {
  GenerateRequest request;
  std::shared_ptr<EventSink> sink;
  // Scoring when not empty; then `on_scores` is called once instead of the sink.
  std::vector<std::vector<text::TokenId>> continuations;
  int top_logprobs = 0;
  std::function<void(Result<std::vector<ContinuationScore>>)> on_scores;

  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  CachedTokens prompt;
  // Tokens of the prompt that were found in the prefix cache.
  int reused_tokens = 0;
  // Whose prompts may share blocks with this one.
  std::string cache_space;
  // What the model sees of request.adapters.
  std::vector<model::AdapterShare> adapters;
  // What the model sees of request.memory, from admission on; null without.
  std::shared_ptr<const model::ProjectedMemory> memory;
  // Of all answers before their first token, which is chosen from the same mask.
  std::unique_ptr<Constraint> first;
  // Empty until the prompt is in the cache.
  std::vector<std::unique_ptr<Sequence>> sequences;
  // Blocks set aside at admission.
  int reserved_blocks = 0;
  std::chrono::nanoseconds submitted{0};
  std::chrono::nanoseconds admitted{0};
  std::chrono::nanoseconds prefilled{0};

  bool is_scoring() const { return !continuations.empty(); }
  bool is_prefilling() const { return sequences.empty(); }
  int num_sequences() const {
    return is_scoring() ? static_cast<int>(continuations.size())
                        : static_cast<int>(request.samples.size());
  }
  int active_sequences() const {
    if (is_prefilling()) return num_sequences();
    int active = 0;
    for (const auto& sequence : sequences) active += sequence->done ? 0 : 1;
    return active;
  }
  bool is_done() const { return !is_prefilling() && active_sequences() == 0; }
};

}  // namespace kith::engine
