// What a group says or is more often than the others.
//
// Method: the log-odds-ratio of an item in a group against all others, with an informative
// Dirichlet prior around the frequencies of everybody, over its standard deviation (Monroe,
// Colaresi and Quinn 2008, equations 15 to 22). Unlike ratios of frequencies it favours neither
// rare nor common items.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kith::persona {

struct DistinguishingItem {
  std::size_t item = 0;
  // Standard deviations above the others; positive.
  double z = 0.0;

  friend bool operator==(const DistinguishingItem&, const DistinguishingItem&) = default;
};

// The items that at least `floor` of the group have and whose z is at least `min_z`, the strongest
// first. The prior weighs a tenth of all counts.
//   group, all: [num_items], users of the group, and of all groups, who have an item
std::vector<DistinguishingItem> find_distinguishing(std::span<const std::size_t> group,
                                                    std::span<const std::size_t> all,
                                                    std::size_t floor, double min_z);

}  // namespace kith::persona
