// The scenario of `kith bench decode`: sequences that decode together, beside this machine's read
// bandwidth and beside the matrix products alone.
#pragma once

#include <vector>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"

namespace kith::engine {

struct DecodeBench {
  std::vector<int> batches{1, 8, 16};
  int context_tokens = 128;
  // Decoding steps of one measurement; the best round counts.
  int steps = kBenchSteps;
  int rounds = kBenchRounds;
  int threads = 1;
};

struct DecodeResult {
  // Sequences decoded together.
  int batch = 1;
  // Tokens in the cache before the measurement.
  int context_tokens = 0;
  double tokens_per_second = 0.0;
  // Over the first batch of the list.
  double batch_ratio = 0.0;
  // Weights read a second, counting every weight once a step.
  double weight_bytes_per_second = 0.0;
  // Of this machine, in bytes a second: mean of the reads just before and after each measurement,
  // median over the rounds.
  double read_bandwidth = 0.0;
  // Weights read a second over the reads beside them, median over the rounds.
  double ratio = 0.0;
  // The same rows through the matrix products alone: by Kith's maps, and by oneDNN's primitives (0
  // where those are not measured: weights other than int8, no AVX512-VNNI).
  double matmul_tokens_per_second = 0.0;
  double onednn_tokens_per_second = 0.0;
  // tokens_per_second over each of the two.
  double matmul_ratio = 0.0;
  double onednn_ratio = 0.0;
};

// All batches, products and reads take turns in every round, so that every ratio comes from one
// stretch of time. Errors: those of Decoder::forward().
Result<std::vector<DecodeResult>> bench_decode(model::Decoder& decoder, const DecodeBench& options);

}  // namespace kith::engine
