#include "kith/train/user_weights.h"

#include <algorithm>
#include <map>

namespace kith::train {
namespace {

// The weight that no user may exceed: the largest c with c <= cap * sum over users of min(n, c).
// counts: ascending, not empty.
double weight_limit(const std::vector<double>& counts, double cap) {
  const auto users = static_cast<double>(counts.size());
  double below = 0.0;  // examples of the users who stay under the limit
  for (std::size_t i = 0; i < counts.size(); ++i) {
    // If exactly the users from i on are cut to c, then c = cap * (below + (users - i) * c).
    const double cut = users - static_cast<double>(i);
    const double slack = 1.0 - cap * cut;
    if (slack > 0.0) {
      const double limit = cap * below / slack;
      if (limit <= counts[i]) return limit;
    }
    below += counts[i];
  }
  return counts.back();
}

}  // namespace

std::vector<double> capped_user_weights(std::span<const std::uint32_t> users, double share) {
  std::map<std::uint32_t, double> examples;
  for (const std::uint32_t user : users) examples[user] += 1.0;
  std::vector<double> weights(users.size(), 1.0);
  if (examples.empty()) return weights;
  std::vector<double> counts;
  for (const auto& [user, count] : examples) counts.push_back(count);
  std::sort(counts.begin(), counts.end());
  const double feasible = 1.0 / static_cast<double>(counts.size());
  // At the feasible share only equal weights will do.
  const double limit = share <= feasible ? counts.front() : weight_limit(counts, share);
  double total = 0.0;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const double count = examples[users[i]];
    weights[i] = std::min(count, limit) / count;
    total += weights[i];
  }
  for (double& weight : weights) weight *= static_cast<double>(users.size()) / total;
  return weights;
}

}  // namespace kith::train
