#include "kith/engine/prefill_bench.h"

#include <algorithm>
#include <memory>

#include "kith/engine/bandwidth.h"
#include "kith/engine/matmul_bench.h"

namespace kith::engine {
namespace {

// One length with what it is compared with.
struct Prompt {
  BenchSequences sequences;
  nn::KvCache cache;
  ProductTimes products;
  double tokens_per_second = 0.0;
};

}  // namespace

Result<std::vector<PrefillResult>> bench_prefill(model::Decoder& decoder,
                                                 const PrefillBench& options) {
  std::unique_ptr<OnednnProducts> onednn;
  if (decoder.weights() == tensor::DType::kInt8) {
    KITH_ASSIGN_OR_RETURN(onednn, OnednnProducts::create(decoder.config(), options.threads));
  }
  std::vector<std::unique_ptr<Prompt>> prompts;
  for (const int length : options.lengths) {
    BenchSequences sequences(decoder, 1, length);
    nn::KvCache cache = decoder.make_cache(sequences.total_blocks());
    prompts.push_back(std::make_unique<Prompt>(Prompt{
        std::move(sequences), std::move(cache), ProductTimes(decoder, onednn.get(), length, 1)}));
  }
  const BandwidthProbe probe(options.threads);
  double bandwidth = 0.0;
  std::vector<float> logits;
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      Prompt& prompt = *prompts[i];
      const int length = options.lengths[i];
      bandwidth = std::max(bandwidth, probe.measure());
      const auto start = BenchClock::now();
      KITH_RETURN_IF_ERROR(
          decoder.forward(prompt.sequences.chunks(0, length), prompt.cache, logits));
      prompt.tokens_per_second = std::max(prompt.tokens_per_second, length / seconds_since(start));
      KITH_RETURN_IF_ERROR(prompt.products.measure(1));
    }
  }
  std::vector<PrefillResult> results;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Prompt& prompt = *prompts[i];
    const double bytes = prompt.tokens_per_second / options.lengths[i] *
                         static_cast<double>(decoder.weight_bytes_read_per_token());
    results.push_back(
        {.prompt_tokens = options.lengths[i],
         .tokens_per_second = prompt.tokens_per_second,
         .weight_bytes_per_second = bytes,
         .read_bandwidth = bandwidth,
         .ratio = ratio_of(bytes, bandwidth),
         .matmul_tokens_per_second = prompt.products.kith_rows_per_second(),
         .onednn_tokens_per_second = prompt.products.onednn_rows_per_second(),
         .matmul_ratio = ratio_of(prompt.tokens_per_second, prompt.products.kith_rows_per_second()),
         .onednn_ratio =
             ratio_of(prompt.tokens_per_second, prompt.products.onednn_rows_per_second())});
  }
  return results;
}

}  // namespace kith::engine
