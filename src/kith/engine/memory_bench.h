// The scenario of `kith bench memory`: what a model takes, loaded and at work.
#pragma once

#include <cstddef>
#include <filesystem>

#include "kith/base/result.h"
#include "kith/model/decoder.h"

namespace kith::engine {

// What a process may take besides weights and KV cache.
inline constexpr std::size_t kMemoryAllowance = std::size_t{100} << 20;

struct MemoryBench {
  // Users that decode together, and tokens that each has in the cache.
  int users = 16;
  int context_tokens = 128;
};

struct MemoryResult {
  double load_seconds = 0.0;
  std::size_t weight_bytes = 0;
  std::size_t kv_bytes_per_token = 0;
  // Of the cache of all users.
  std::size_t kv_bytes = 0;
  // After the model was loaded; after all users have decoded; and the most in between.
  std::size_t loaded_bytes = 0;
  std::size_t resident_bytes = 0;
  std::size_t peak_bytes = 0;
  // resident_bytes without kMemoryAllowance, over weights and KV cache.
  double ratio = 0.0;
};

// Loads the model in `dir` and lets users decode with it. Says something about the model only in a
// process that has done nothing else.
// Errors: those of Decoder::load() and Decoder::forward().
Result<MemoryResult> bench_memory(const std::filesystem::path& dir,
                                  const model::DecoderOptions& decoder_options,
                                  const MemoryBench& options);

}  // namespace kith::engine
