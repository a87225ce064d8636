// The scenario of `kith bench prefill`: reading a prompt beside the matrix products alone.
#pragma once

#include <vector>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"

namespace kith::engine {

struct PrefillBench {
  // Tokens of the prompt, one measurement each.
  std::vector<int> lengths{128, 512};
  int rounds = kBenchRounds;
  int threads = 1;
};

struct PrefillResult {
  int prompt_tokens = 0;
  double tokens_per_second = 0.0;
  // As in DecodeResult, a whole prompt reading every weight once.
  double weight_bytes_per_second = 0.0;
  double read_bandwidth = 0.0;
  double ratio = 0.0;
  // The same rows through the matrix products alone, see DecodeResult.
  double matmul_tokens_per_second = 0.0;
  double onednn_tokens_per_second = 0.0;
  // tokens_per_second over each of the two.
  double matmul_ratio = 0.0;
  double onednn_ratio = 0.0;
};

// Errors: those of Decoder::forward().
Result<std::vector<PrefillResult>> bench_prefill(model::Decoder& decoder,
                                                 const PrefillBench& options);

}  // namespace kith::engine
