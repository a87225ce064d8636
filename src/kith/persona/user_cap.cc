#include "kith/persona/user_cap.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>

namespace kith::persona {
namespace {

// The c with sum min(c, amounts) = total. REQUIRES: sum of amounts >= total, sorted ascending.
double water_level(const std::vector<double>& amounts, double total) {
  double below = 0.0;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const double level = (total - below) / static_cast<double>(amounts.size() - i);
    if (level <= amounts[i]) return level;
    below += amounts[i];
  }
  return amounts.back();
}

// The lambda with sum min(cap, lambda t) = 1. REQUIRES: cap * n >= 1, sorted ascending.
double scale_under_cap(const std::vector<double>& tokens, double cap) {
  double rest = std::accumulate(tokens.begin(), tokens.end(), 0.0);
  double mass = 1.0;
  for (std::size_t i = tokens.size(); i-- > 0;) {
    const double scale = mass / rest;
    if (scale * tokens[i] <= cap) return scale;
    mass -= cap;
    rest -= tokens[i];
  }
  // Every user is capped; only at cap = 1/n, up to rounding.
  return cap / tokens.front();
}

}  // namespace

Result<UserCap> cap_users(std::span<const double> tokens, const UserCapOptions& options) {
  const auto invalid = [](const char* message) {
    return Error{ErrorCode::kInvalidArgument, message};
  };
  if (!(options.max_share > 0.0 && options.max_share <= 1.0)) {
    return invalid("the largest share of a user must be in (0, 1]");
  }
  if (!(options.max_boost >= 1.0))
    return invalid("the largest boost of a token must be at least 1");
  if (tokens.empty()) return invalid("there must be users to weigh");
  std::vector<double> sorted(tokens.begin(), tokens.end());
  std::sort(sorted.begin(), sorted.end());
  if (!(sorted.front() > 0.0) || !std::isfinite(sorted.back())) {
    return invalid("every user must have tokens");
  }
  const double total = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  std::vector<double> most = sorted;
  for (double& amount : most) amount *= options.max_boost / total;

  UserCap cap;
  const double least = water_level(most, 1.0);
  cap.is_relaxed = least > options.max_share * (1.0 + 1e-12);
  cap.share = cap.is_relaxed ? least : options.max_share;
  const double scale = scale_under_cap(sorted, cap.share);
  double squares = 0.0;
  for (const double amount : tokens) {
    const bool is_capped = scale * amount > cap.share * (1.0 + 1e-12);
    cap.shares.push_back(std::min(cap.share, scale * amount));
    cap.weights.push_back(cap.shares.back() * total / amount);
    cap.num_capped += is_capped ? 1U : 0U;
    squares += cap.shares.back() * cap.shares.back();
  }
  cap.effective_users = 1.0 / squares;
  return cap;
}

}  // namespace kith::persona
