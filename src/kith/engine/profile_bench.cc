#include "kith/engine/profile_bench.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace kith::engine {
namespace {

double sum(const model::StageTimes& times) {
  return std::accumulate(times.seconds.begin(), times.seconds.end(), 0.0);
}

// The stages of the round of `run`, which takes `steps` steps, that takes least; of one step.
Result<model::StageTimes> fastest_round(model::Decoder& decoder, int rounds, int steps,
                                        const std::function<Status()>& run) {
  model::StageTimes best;
  for (int round = 0; round < rounds; ++round) {
    model::StageTimes times;
    decoder.measure_stages(&times);
    const Status status = run();
    decoder.measure_stages(nullptr);
    KITH_RETURN_IF_ERROR(status);
    if (round == 0 || sum(times) < sum(best)) best = times;
  }
  for (double& seconds : best.seconds) seconds /= steps;
  return best;
}

Result<ProfileResult> profile_decode(model::Decoder& decoder, int batch,
                                     std::span<const model::Adapter* const> adapters,
                                     const ProfileBench& options) {
  DecodeRun run(decoder, {batch, options.context_tokens, options.steps}, adapters);
  KITH_RETURN_IF_ERROR(run.prefill());
  KITH_ASSIGN_OR_RETURN(const auto stages,
                        fastest_round(decoder, options.rounds, options.steps, [&]() -> Status {
                          KITH_RETURN_IF_ERROR(run.measure());
                          return {};
                        }));
  return ProfileResult{.batch = batch,
                       .adapters = std::min(batch, static_cast<int>(adapters.size())),
                       .step_tokens = 1,
                       .context_tokens = options.context_tokens,
                       .seconds = sum(stages),
                       .stages = stages};
}

Result<ProfileResult> profile_prompt(model::Decoder& decoder, int length,
                                     const ProfileBench& options) {
  const BenchSequences sequence(decoder, 1, length);
  nn::KvCache cache = decoder.make_cache(sequence.total_blocks());
  std::vector<float> logits;
  KITH_ASSIGN_OR_RETURN(const auto stages, fastest_round(decoder, options.rounds, 1, [&] {
                          return decoder.forward(sequence.chunks(0, length), cache, logits);
                        }));
  return ProfileResult{.step_tokens = length, .seconds = sum(stages), .stages = stages};
}

}  // namespace

Result<std::vector<ProfileResult>> bench_profile(model::Decoder& decoder,
                                                 std::span<const model::Adapter* const> adapters,
                                                 const ProfileBench& options) {
  std::vector<ProfileResult> results;
  for (const int batch : options.batches) {
    KITH_ASSIGN_OR_RETURN(results.emplace_back(), profile_decode(decoder, batch, {}, options));
    if (adapters.empty()) continue;
    KITH_ASSIGN_OR_RETURN(results.emplace_back(),
                          profile_decode(decoder, batch, adapters, options));
  }
  for (const int length : options.prompts) {
    KITH_ASSIGN_OR_RETURN(results.emplace_back(), profile_prompt(decoder, length, options));
  }
  return results;
}

}  // namespace kith::engine
