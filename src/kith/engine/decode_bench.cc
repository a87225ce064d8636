#include "kith/engine/decode_bench.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kith/engine/bandwidth.h"
#include "kith/engine/matmul_bench.h"

namespace kith::engine {
namespace {

// One batch size with what it is compared with.
struct Batch {
  DecodeRun run;
  ProductTimes products;
  double tokens_per_second = 0.0;
  // By round: what the machine read just before and after, in bytes a second, and the batch's share
  // of it.
  std::vector<double> bandwidths{};
  std::vector<double> shares{};
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double weight_bytes(double tokens_per_second, int size, const model::Decoder& decoder) {
  return tokens_per_second / size * static_cast<double>(decoder.weight_bytes_read_per_token());
}

// Neighbours on the machine's memory come and go within seconds, so that the best read and the best
// step of a run may belong to different minutes: each step is compared with the reads beside it.
Status measure_step(const BandwidthProbe& probe, const model::Decoder& decoder, int size,
                    Batch& batch) {
  const double before = probe.measure();
  KITH_ASSIGN_OR_RETURN(const double rate, batch.run.measure());
  const double beside = (before + probe.measure()) / 2.0;
  batch.tokens_per_second = std::max(batch.tokens_per_second, rate);
  batch.bandwidths.push_back(beside);
  batch.shares.push_back(ratio_of(weight_bytes(rate, size, decoder), beside));
  return {};
}

DecodeResult to_result(const Batch& batch, int size, const model::Decoder& decoder) {
  return {
      .batch = size,
      .tokens_per_second = batch.tokens_per_second,
      .weight_bytes_per_second = weight_bytes(batch.tokens_per_second, size, decoder),
      .read_bandwidth = median(batch.bandwidths),
      .ratio = median(batch.shares),
      .matmul_tokens_per_second = batch.products.kith_rows_per_second(),
      .onednn_tokens_per_second = batch.products.onednn_rows_per_second(),
      .matmul_ratio = ratio_of(batch.tokens_per_second, batch.products.kith_rows_per_second()),
      .onednn_ratio = ratio_of(batch.tokens_per_second, batch.products.onednn_rows_per_second())};
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
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      KITH_RETURN_IF_ERROR(measure_step(probe, decoder, options.batches[i], *batches[i]));
      KITH_RETURN_IF_ERROR(batches[i]->products.measure(options.steps));
    }
  }
  std::vector<DecodeResult> results;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    results.push_back(to_result(*batches[i], options.batches[i], decoder));
    results.back().context_tokens = options.context_tokens;
    results.back().batch_ratio =
        ratio_of(results.back().tokens_per_second, results.front().tokens_per_second);
  }
  return results;
}

}  // namespace kith::engine
