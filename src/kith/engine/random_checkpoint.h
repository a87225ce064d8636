// Checkpoints of public shapes with random weights, so that anybody can measure a machine without a
// download: speed does not depend on what the weights say.
//
// A directory in Hugging Face layout: config.json, bf16 weights, a byte-level tokenizer whose other
// entries no text produces, a chat template, and PEFT adapters on all seven projections.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "kith/base/result.h"
#include "kith/tensor/dtype.h"

namespace kith::engine {

// Of a Llama decoder with a tied head.
struct RandomShape {
  const char* name = "";
  int num_layers = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int vocab_size = 0;

  int head_dim() const { return hidden_size / num_heads; }
};

// "tiny" is for tests; the others are those of public small models.
std::span<const RandomShape> random_shapes();
// Null if there is none of that name.
const RandomShape* find_random_shape(std::string_view name);

struct RandomCheckpointOptions {
  // Equal seeds give equal files.
  std::uint64_t seed = 1;
  int num_adapters = 16;
  int rank = 16;
};

// Writes the checkpoint to `dir`, which exists. Errors: kUnavailable.
Status write_random_checkpoint(const RandomShape& shape, const std::filesystem::path& dir,
                               const RandomCheckpointOptions& options = {});

// $XDG_CACHE_HOME/kith/bench, else ~/.cache/kith/bench, else a directory for temporary files.
std::filesystem::path default_bench_cache();

// The directory below `cache` that holds the checkpoint of this shape, made if it is not there:
// plain for f32 and bf16; for int8 as `kith model quantize` writes it, to be mapped. It appears
// whole or not at all, so that several processes may ask at once.
// Errors: kUnavailable; those of model::quantize_checkpoint().
Result<std::filesystem::path> cached_checkpoint(const RandomShape& shape, tensor::DType weights,
                                                const std::filesystem::path& cache);

}  // namespace kith::engine
