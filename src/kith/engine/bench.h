// The scenarios of `kith bench`: how fast a model runs here, beside what it is compared with,
// measured by turns in the same run, so that ratios mean something on a noisy machine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"
#include "kith/text/tokenizer.h"

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
  // The same rows through the matrix products alone, and tokens_per_second over that.
  double matmul_tokens_per_second = 0.0;
  double matmul_ratio = 0.0;
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

struct AdaptersBench {
  int users = 8;
  // Distinct adapters among the users, one measurement each; 0 is the base model.
  std::vector<int> adapters{0, 1, 5};
  int context_tokens = 128;
  int steps = 32;
};
struct AdaptersResult {
  int users = 0;
  int adapters = 0;
  int context_tokens = 0;
  double tokens_per_second = 0.0;
  // Over the first measurement of the list.
  double ratio = 0.0;
};
// Users decode together; user i is on adapter i modulo the number of adapters.
// Errors: kInvalidArgument if `adapters` holds fewer than a measurement asks for.
Result<std::vector<AdaptersResult>> bench_adapters(
    model::Decoder& decoder, const std::vector<std::shared_ptr<const model::Adapter>>& adapters,
    const AdaptersBench& options);

struct SharingResult {
  // Wall time of n answers to one prompt over that of one answer of the same length.
  int candidates = 0;
  double candidates_ratio = 0.0;
  // Time to the first token of a prompt whose beginning is cached, over the first time.
  int prefix_tokens = 0;
  int new_tokens = 0;
  double first_seconds = 0.0;
  double second_seconds = 0.0;
  double prefix_ratio = 0.0;
};
struct SharingBench {
  int candidates = 4;
  int context_tokens = 128;
  int answer_tokens = 64;
  int prefix_tokens = 1000;
  int new_tokens = 32;
};
// What requests of the engine share: candidates of one prompt, and prompts that begin alike.
Result<SharingResult> bench_sharing(std::shared_ptr<model::Decoder> decoder,
                                    const text::Tokenizer& tokenizer, const SharingBench& options);

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
