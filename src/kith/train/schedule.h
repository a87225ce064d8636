// The learning rate as a function of the step and of the share of the budget that is spent.
//
// kCosine: linear warm-up, then half a cosine down to the floor.
// kWsd: warm-up, stable, decay (Hu et al., 2024): linear warm-up, constant, and a last part that
// falls as 1 - sqrt(share of the decay) to the floor.
#pragma once

#include <cstdint>

namespace kith::train {

enum class ScheduleKind : std::uint8_t { kCosine, kWsd, kConstant };

struct Schedule {
  ScheduleKind kind = ScheduleKind::kWsd;
  double peak = 2e-3;
  // Smallest rate after warm-up, as a share of the peak, in [0, 1].
  double floor = 0.05;
  std::int64_t warmup_steps = 100;
  // Share of the budget that the decay takes, in (0, 1]. kWsd only.
  double decay_share = 0.2;
};

// The rate for the step that follows `step` finished ones.
//   progress: share of the budget spent, clamped to [0, 1]
double learning_rate(const Schedule& schedule, std::int64_t step, double progress);

}  // namespace kith::train
