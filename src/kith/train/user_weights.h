// How much each example counts, so that no user dominates what all of them train.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kith::train {

// One weight for each example, mean 1. A user's examples share the user's weight equally; that is
// their number, lowered where it exceeds `share` of the total. With fewer than 1 / share users the
// cap is 1 / users, the lowest that is feasible, and every user weighs the same.
//   users: whose example it is, any numbers; share: in (0, 1]
std::vector<double> capped_user_weights(std::span<const std::uint32_t> users, double share);

}  // namespace kith::train
