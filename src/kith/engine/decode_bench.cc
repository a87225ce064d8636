#include "kith/engine/decode_bench.h"

#include <algorithm>
#include <memory>

#include "kith/engine/bandwidth.h"
#include "kith/engine/matmul_bench.h"

namespace kith::engine {
namespace {

// One batch size with what it is compared with.
struct Batch {
  DecodeRun run;
  ProductTimes products;
  double tokens_per_second = 0.0;
};

DecodeResult to_result(const Batch& batch, int size, const model::Decoder& decoder,
                       double bandwidth) {
  const double bytes =
      batch.tokens_per_second / size * static_cast<double>(decoder.weight_bytes_read_per_token());
  return {.batch = size,
          .tokens_per_second = batch.tokens_per_second,
          .weight_bytes_per_second = bytes,
          .read_bandwidth = bandwidth,
          .ratio = ratio_of(bytes, bandwidth),
          .matmul_tokens_per_second = batch.products.kith_rows_per_second(),
          .onednn_tokens_per_second = batch.products.onednn_rows_per_second(),
          .matmul_ratio = ratio_of(batch.tokens_per_second, batch.products.best_rows_per_second())};
}

}  // namespace

Result<std::vector<DecodeResult>> bench_decode(model::Decoder& decoder,
                                               const DecodeBench& options) {
  std::unique_ptr<OnednnProducts> onednn;
  if (decoder.weights() == tensor::DType::kInt8) {
    KITH_ASSIGN_OR_RETURN(onednn, OnednnProducts::create(decoder.config(), options.threads));
  }
  const BandwidthProbe probe(options.threads);
  std::vector<std::unique_ptr<Batch>> batches;
  for (const int size : options.batches) {
    const BenchLoad load{size, options.context_tokens, options.steps};
    batches.push_back(std::make_unique<Batch>(
        Batch{DecodeRun(decoder, load), ProductTimes(decoder, onednn.get(), size, size)}));
    KITH_RETURN_IF_ERROR(batches.back()->run.prefill());
  }
  double bandwidth = 0.0;
  for (int round = 0; round < options.rounds; ++round) {
    for (const auto& batch : batches) {
      bandwidth = std::max(bandwidth, probe.measure());
      KITH_ASSIGN_OR_RETURN(const double rate, batch->run.measure());
      batch->tokens_per_second = std::max(batch->tokens_per_second, rate);
      KITH_RETURN_IF_ERROR(batch->products.measure(options.steps));
    }
  }
  std::vector<DecodeResult> results;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    results.push_back(to_result(*batches[i], options.batches[i], decoder, bandwidth));
    results.back().context_tokens = options.context_tokens;
    results.back().batch_ratio =
        ratio_of(results.back().tokens_per_second, results.front().tokens_per_second);
  }
  return results;
}

}  // namespace kith::engine
