// How much what was learned some time ago still counts.
#pragma once

#include <cmath>

#include "kith/base/clock.h"

namespace kith::persona {

// In (0, 1]: one half after each `half_life_days`; 1 if that is 0 (never fades) or no time passed.
inline double fade(base::UnixMicros from, base::UnixMicros to, double half_life_days) {
  constexpr double kMicrosPerDay = 86'400e6;
  if (half_life_days <= 0 || to <= from) return 1.0;
  return std::exp2(-static_cast<double>(to - from) / (half_life_days * kMicrosPerDay));
}

}  // namespace kith::persona
