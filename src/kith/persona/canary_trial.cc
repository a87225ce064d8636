#include "kith/persona/canary_trial.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kith/storage/digest.h"

namespace kith::persona {
namespace {

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

// log sum exp of two logarithms.
double add_logs(double a, double b) {
  const double high = std::max(a, b);
  if (high == -std::numeric_limits<double>::infinity()) return high;
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

// log P(X > Y) of independent X ~ Beta(ax, bx), Y ~ Beta(ay, by) with whole parameters: a sum over
// ax terms (Miller, "Formulas for Bayesian A/B testing", 2014).
double log_probability_above(double ax, double bx, double ay, double by) {
  double sum = -std::numeric_limits<double>::infinity();
  for (double i = 0; i < ax; ++i) {
    sum = add_logs(sum, log_beta(ay + i, bx + by) - std::log(bx + i) - log_beta(1.0 + i, bx) -
                            log_beta(ay, by));
  }
  return std::min(sum, 0.0);
}

// count * log(count / total), 0 for a count of 0.
double log_likelihood(double count, double total) {
  return count > 0.0 ? count * std::log(count / total) : 0.0;
}

double best_log_likelihood(double down, double up) {
  return log_likelihood(down, down + up) + log_likelihood(up, down + up);
}

}  // namespace

double canary_log_evidence(const VoteCounts& canary, const VoteCounts& serving) {
  const auto d1 = static_cast<double>(canary.down);
  const auto u1 = static_cast<double>(canary.up);
  const auto d0 = static_cast<double>(serving.down);
  const auto u0 = static_cast<double>(serving.up);
  if (d1 + u1 == 0.0) return 0.0;
  // Under the mixture: the product of both marginals, restricted to where the canary is worse,
  // which has half of the prior mass.
  const double mixture = log_beta(1.0 + d1, 1.0 + u1) + log_beta(1.0 + d0, 1.0 + u0) +
                         std::log(2.0) +
                         log_probability_above(1.0 + d1, 1.0 + u1, 1.0 + d0, 1.0 + u0);
  // Under H0 the canary's rate is at most the other one: each its own where the counts say so, else
  // both the same.
  const bool is_better = d1 * (d0 + u0) <= d0 * (d1 + u1) || d0 + u0 == 0.0;
  const double null = is_better ? best_log_likelihood(d1, u1) + best_log_likelihood(d0, u0)
                                : best_log_likelihood(d1 + d0, u1 + u0);
  return mixture - null;
}

bool is_canary_worse(const VoteCounts& canary, const VoteCounts& serving, double error_rate) {
  return canary_log_evidence(canary, serving) >= -std::log(error_rate);
}

bool is_in_share(const std::string& tenant, const std::string& user, const std::string& trial,
                 double share) {
  // 13 hexadecimal digits: 52 bits, a double's worth.
  const std::string hash = storage::digest({tenant, user, trial}).substr(0, 13);
  const auto place = static_cast<double>(std::stoull(hash, nullptr, 16));
  return place * 0x1.0p-52 < share;
}

}  // namespace kith::persona
