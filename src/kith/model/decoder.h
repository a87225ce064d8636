// A decoder-only transformer (Llama, Mistral, Qwen2, Qwen3): weights from a Hugging Face directory,
// and one forward pass over a batch of pieces of many sequences, each with its own adapter and its
// own memory or none.
//
// The pieces may be prompts, parts of prompts (chunked prefill) and single next tokens, mixed: a
// row's result does not depend, bit for bit, on what else is in the batch or on how a prompt was
// cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/adapter.h"
#include "kith/model/config.h"
#include "kith/model/projected_memory.h"
#include "kith/model/soft_prompt.h"
#include "kith/model/stage_clock.h"
#include "kith/nn/kv_cache.h"
#include "kith/tensor/dtype.h"
#include "kith/text/token.h"

namespace kith::model {

struct DecoderOptions {
  // How weights are held: kF32, kBf16, or kInt8 (a scale per output channel; activations are
  // quantised per token). kBf16 becomes kF32 on a CPU without AVX512-BF16, and every type kInt8 for
  // a checkpoint that is quantised (docs/formats/quantized.md); see Decoder::weights().
  tensor::DType weights = tensor::DType::kBf16;
  // Threads of a forward pass, >= 1.
  int threads = 1;
  // Copy quantised weights out of the mapped file into huge pages: decoding is faster, loading
  // takes as long as reading the file, and processes no longer share the weights.
  bool huge_pages = false;
};

// An adapter and the factor of its update: several on one sequence make a blend.
struct AdapterShare {
  const Adapter* adapter = nullptr;
  float weight = 1.0F;
};

// New tokens of one sequence. All members borrow for the time of the call.
struct Chunk {
  // At least one; soft tokens stand for rows of `soft_prompt`.
  std::span<const text::TokenId> tokens;
  // Tokens of the sequence that are in the cache already, >= 0.
  std::int32_t position = 0;
  // Ids of the cache blocks of the sequence, in order; block i holds positions [16 i, 16 i + 16).
  // They cover position + tokens.size(). Two chunks of a batch must not write the same block.
  std::span<const std::int32_t> blocks;
  // Empty: the base model. No adapter twice.
  std::span<const AdapterShare> adapters;
  // Whether logits are wanted after every token of the chunk, or after the last only.
  bool all_logits = false;
  // May be null.
  const SoftPrompt* soft_prompt = nullptr;
  // What all tokens of the sequence attend to, those that are in the cache too; may be null.
  const ProjectedMemory* memory = nullptr;
  // Where layers attend in windows (sliding_window), the blocks before the first row's window may
  // be left out: then the first of `blocks` is this one of the sequence.
  std::int32_t first_block = 0;
};

// Weights are immutable; forward() works in buffers of the object: call it from one thread at a
// time, best always the same (each calling thread gets a team of compute threads of its own).
class Decoder {
 public:
  // Errors: those of load_decoder_config; kNotFound for a missing weight file; kInvalidArgument
  // naming
  //   the tensor that is missing or has a wrong shape or type.
  static Result<std::unique_ptr<Decoder>> load(const std::filesystem::path& dir,
                                               const DecoderOptions& options = {});
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  const DecoderConfig& config() const;
  // The type in which the weights are really held.
  tensor::DType weights() const;

  // Of the type that nn::kv_dtype_beside() names.
  nn::KvShape cache_shape() const;
  nn::KvCache make_cache(int num_blocks) const;

  // Runs the chunks, appends their keys and values to the cache, and writes the wanted logits in
  // the order of the chunks.
  //   logits: [wanted rows, vocab_size], resized
  // Errors: kInvalidArgument for an empty chunk, a token id outside the vocabulary and the soft
  //   prompt, a position beyond max_positions, blocks that do not exist or do not suffice, a cache,
  //   an adapter, a soft prompt or a memory of another shape. The cache is unchanged then.
  Status forward(std::span<const Chunk> batch, nn::KvCache& cache, std::vector<float>& logits);

  // The same without the head: what stands in its place are the normed states that it would read.
  //   states: [wanted rows, hidden_size], resized
  Status states(std::span<const Chunk> batch, nn::KvCache& cache, std::vector<float>& states);

  // For measurements: the matrix products of forward() over `rows` rows alone, on whatever the
  // buffers hold; the head for `logit_rows` of them. What is left of a step is attention, norms and
  // adapters. Errors: kInternal if a product fails.
  Status multiply_only(int rows, int logit_rows);

  // For measurements: passes from now on add the time of their stages to `times`, which must
  // outlive them; null ends it. Called between passes.
  void measure_stages(StageTimes* times);

  // Memory of all weights, packed.
  std::size_t weight_bytes() const;
  // Bytes of weights that one token at batch 1 has to read: all but the embedding table, of which
  // it reads one row.
  std::size_t weight_bytes_read_per_token() const;

 private:
  struct Impl;
  explicit Decoder(std::unique_ptr<Impl> impl);
  Status check_batch(std::span<const Chunk> batch, const nn::KvCache& cache) const;

  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::model
