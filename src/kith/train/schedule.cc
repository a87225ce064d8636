#include "kith/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kith::train {

double learning_rate(const Schedule& s, std::int64_t step, double progress) {
  const double p = std::clamp(progress, 0.0, 1.0);
  double share = 1.0;
  if (s.kind == ScheduleKind::kCosine) {
    share = 0.5 * (1.0 + std::cos(std::numbers::pi * p));
  } else if (s.kind == ScheduleKind::kWsd) {
    const double into = (p - (1.0 - s.decay_share)) / s.decay_share;
    share = into <= 0.0 ? 1.0 : 1.0 - std::sqrt(into);
  }
  const double rate = s.peak * (s.floor + (1.0 - s.floor) * share);
  if (step >= s.warmup_steps) return rate;
  return rate * static_cast<double>(step + 1) / static_cast<double>(s.warmup_steps);
}

}  // namespace kith::train
