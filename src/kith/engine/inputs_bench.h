// The scenario of `kith bench inputs`: what a soft prompt and a memory for every user cost, as the
// ratio of two runs of the same users on the same adapters that take turns, so that it means
// something on a noisy machine.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"

namespace kith::engine {

struct InputsBench {
  int users = 8;
  // Distinct adapters among the users, >= 1; user i is on adapter i modulo their number.
  int adapters = 5;
  // Tokens in the cache before decoding; soft prompts come before them.
  int context_tokens = 128;
  // Decoding steps of one measurement; the best round counts.
  int steps = kBenchSteps;
  int rounds = kBenchRounds;
  // Of every user's soft prompt and memory: the latents of a user encoder.
  int soft_rows = 16;
  int memory_rows = 16;
  int memory_width = 128;
  int threads = 1;
};

struct InputsResult {
  int users = 0;
  int adapters = 0;
  int context_tokens = 0;
  int soft_rows = 0;
  int memory_rows = 0;
  // Layers that attend to the memories: every fourth, with heads as the decoder's.
  int bridge_layers = 0;
  std::size_t bridge_bytes = 0;
  // Of users with adapters alone, and with soft prompts and memories besides.
  double plain_tokens_per_second = 0.0;
  double tokens_per_second = 0.0;
  // tokens_per_second over plain_tokens_per_second.
  double ratio = 0.0;
};

// Users decode together through a bridge of random weights whose gates are open.
// Errors: kInvalidArgument if there are fewer adapters than asked for, or `options` hold sizes that
//   a soft prompt, a memory or the decoder does not allow.
Result<InputsResult> bench_inputs(
    model::Decoder& decoder, const std::vector<std::shared_ptr<const model::Adapter>>& adapters,
    const InputsBench& options);

}  // namespace kith::engine
