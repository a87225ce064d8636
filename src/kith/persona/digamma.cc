#include "kith/persona/digamma.h"

#include <cmath>

namespace kith::persona {

double digamma(double x) {
  constexpr double kLargeEnough = 6.0;
  double result = 0.0;
  for (; x < kLargeEnough; x += 1.0) result -= 1.0 / x;
  const double inverse = 1.0 / (x * x);
  const double series =
      inverse *
      (1.0 / 12 -
       inverse *
           (1.0 / 120 -
            inverse * (1.0 / 252 -
                       inverse * (1.0 / 240 - inverse * (1.0 / 132 - inverse * 691 / 32760)))));
  return result + std::log(x) - 0.5 / x - series;
}

}  // namespace kith::persona
