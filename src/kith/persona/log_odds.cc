#include "kith/persona/log_odds.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kith::persona {
namespace {

constexpr double kPriorShare = 0.1;

double log_odds(double count, double total) { return std::log(count / (total - count)); }

}  // namespace

std::vector<DistinguishingItem> find_distinguishing(std::span<const std::size_t> group,
                                                    std::span<const std::size_t> all,
                                                    std::size_t floor, double min_z) {
  const auto sum = [](std::span<const std::size_t> counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::size_t{0}));
  };
  const double of_all = sum(all);
  const double of_group = sum(group);
  const double of_others = of_all - of_group;
  const double prior_total = kPriorShare * of_all;
  std::vector<DistinguishingItem> items;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (group[i] < std::max<std::size_t>(floor, 1)) continue;
    const double prior = kPriorShare * static_cast<double>(all[i]);
    const double here = static_cast<double>(group[i]) + prior;
    const double elsewhere = static_cast<double>(all[i] - group[i]) + prior;
    // With one item in all, nothing can be said.
    if (here >= of_group + prior_total || elsewhere >= of_others + prior_total) continue;
    const double difference =
        log_odds(here, of_group + prior_total) - log_odds(elsewhere, of_others + prior_total);
    const double z = difference / std::sqrt(1.0 / here + 1.0 / elsewhere);
    if (z >= min_z) items.push_back({i, z});
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const auto& a, const auto& b) { return a.z > b.z; });
  return items;
}

}  // namespace kith::persona
