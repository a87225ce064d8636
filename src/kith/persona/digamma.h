// The digamma function, the derivative of log gamma.
#pragma once

namespace kith::persona {

// Method: the recurrence to arguments of at least 6, then the asymptotic series (Bernardo 1976);
// absolute error below 1e-10. REQUIRES: x > 0.
double digamma(double x);

}  // namespace kith::persona
