// The scenario of `kith bench profile`: where the time of a step goes, stage by stage.
#pragma once

#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"
#include "kith/model/stage_clock.h"

namespace kith::engine {

struct ProfileBench {
  // Sequences decoded together, each once without adapters and once with `adapters`.
  std::vector<int> batches{1, 8, 16};
  // Tokens of prompts that are read whole, without adapters.
  std::vector<int> prompts{512};
  int context_tokens = 128;
  // Decoding steps of one measurement; the round that takes least counts.
  int steps = kBenchSteps;
  int rounds = kBenchRounds;
};

struct ProfileResult {
  int batch = 1;
  // Distinct adapters among the sequences.
  int adapters = 0;
  // Tokens of one sequence that a step computes.
  int step_tokens = 1;
  int context_tokens = 0;
  // Of one step.
  double seconds = 0.0;
  model::StageTimes stages;
};

// Errors: those of Decoder::forward().
Result<std::vector<ProfileResult>> bench_profile(model::Decoder& decoder,
                                                 std::span<const model::Adapter* const> adapters,
                                                 const ProfileBench& options);

}  // namespace kith::engine
