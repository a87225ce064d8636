// Where a function of one variable with a single minimum is least (Kiefer 1953).
#pragma once

#include <cmath>
#include <functional>

namespace kith::persona {

// The middle of an interval of at most `tolerance` (> 0) that holds the least value of [low, high].
// Calls `value` once for each step, of which there are log(width / tolerance) / log(1.618).
inline double find_least(double low, double high, double tolerance,
                         const std::function<double(double)>& value) {
  const double ratio = (std::sqrt(5.0) - 1.0) / 2.0;
  double left = high - ratio * (high - low);
  double right = low + ratio * (high - low);
  double at_left = value(left);
  double at_right = value(right);
  while (high - low > tolerance) {
    if (at_left < at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - ratio * (high - low);
      at_left = value(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + ratio * (high - low);
      at_right = value(right);
    }
  }
  return (low + high) / 2.0;
}

}  // namespace kith::persona
