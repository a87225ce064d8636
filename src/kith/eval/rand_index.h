// How far two groupings of the same things agree.
#pragma once

#include <cstddef>
#include <span>

namespace kith::eval {

// The Rand index adjusted for chance (Hubert and Arabie 1985): 1 for the same groups under whatever
// names, about 0 for groups that know nothing of each other; negative below chance. 1 if both put
// everything into one group, or each thing into its own.
//   a, b: the group of each thing; of equal size, not empty
double adjusted_rand_index(std::span<const std::size_t> a, std::span<const std::size_t> b);

}  // namespace kith::eval
