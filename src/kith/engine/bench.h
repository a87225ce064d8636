// The scenarios of `kith bench decode|prefill|memory`: how fast a model runs here, beside the
// machine's own limit measured in the same run, so that the ratio means something on a noisy
// machine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"

namespace kith::engine {

struct BenchMachine {
  // As the processor names itself.
  std::string cpu;
  int cores = 0;
  // The widest instruction set in use, e.g. "avx512_bf16,avx512_vnni".
  std::string isa;
};
BenchMachine describe_machine();

struct BenchResult {
  // Sequences decoded together; 1 for prefill.
  int batch = 1;
  // Tokens in the cache before the measurement, or the length of the prompt.
  int context_tokens = 0;
  double tokens_per_second = 0.0;
  // Weights read a second, counting every weight once a step.
  double weight_bytes_per_second = 0.0;
  // Of this machine, best of several reads between the measurements, in bytes a second.
  double read_bandwidth = 0.0;
  // weight_bytes_per_second / read_bandwidth.
  double ratio = 0.0;
};

struct DecodeBench {
  std::vector<int> batches{1, 8, 16};
  int context_tokens = 128;
  // Decoding steps of one measurement; the best of five counts.
  int steps = 32;
  int threads = 1;
};
// Errors: those of Decoder::forward().
Result<std::vector<BenchResult>> bench_decode(model::Decoder& decoder, const DecodeBench& options);

struct PrefillBench {
  std::vector<int> lengths{128, 512};
  int threads = 1;
};
Result<std::vector<BenchResult>> bench_prefill(model::Decoder& decoder,
                                               const PrefillBench& options);

struct MemoryResult {
  std::size_t resident_bytes = 0;
  std::size_t weight_bytes = 0;
  std::size_t kv_bytes_per_token = 0;
  double load_seconds = 0.0;
};
// Loads the model in `dir` and says what it takes.
Result<MemoryResult> bench_memory(const std::filesystem::path& dir,
                                  const model::DecoderOptions& options);

}  // namespace kith::engine
