#include "kith/engine/memory_bench.h"

#include "kith/engine/bench_machine.h"
#include "kith/engine/bench_run.h"

namespace kith::engine {

Result<MemoryResult> bench_memory(const std::filesystem::path& dir,
                                  const model::DecoderOptions& decoder_options,
                                  const MemoryBench& options) {
  MemoryResult result;
  const auto start = BenchClock::now();
  KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(dir, decoder_options));
  result.load_seconds = seconds_since(start);
  result.loaded_bytes = resident_bytes();
  result.weight_bytes = decoder->weight_bytes();
  const std::size_t block_bytes = decoder->cache_shape().block_bytes();
  result.kv_bytes_per_token = block_bytes / nn::kBlockTokens;

  const BenchLoad load{options.users, options.context_tokens - 1, 1};
  DecodeRun run(*decoder, load);
  KITH_RETURN_IF_ERROR(run.prefill());
  KITH_ASSIGN_OR_RETURN(const double rate, run.measure());
  static_cast<void>(rate);
  const auto blocks_each =
      static_cast<std::size_t>((options.context_tokens + nn::kBlockTokens - 1) / nn::kBlockTokens);
  result.kv_bytes = block_bytes * blocks_each * static_cast<std::size_t>(options.users);
  result.resident_bytes = resident_bytes();
  result.peak_bytes = peak_resident_bytes();
  const double besides =
      static_cast<double>(result.resident_bytes) - static_cast<double>(kMemoryAllowance);
  result.ratio = besides / static_cast<double>(result.weight_bytes + result.kv_bytes);
  return result;
}

}  // namespace kith::engine
