// A picture of users' vectors: their places in the plane in which they vary most.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace kith::timeline {

// Coordinates along the first two principal axes of the centred vectors, by subspace iteration from
// a fixed start (equal vectors give an equal picture); the axis's sign is so that its largest
// coordinate is positive.
//   vectors: [count, width], row-major; returns: [count]
// O(count * width * rounds).
std::vector<std::array<float, 2>> project_on_plane(std::span<const float> vectors,
                                                   std::size_t width);

}  // namespace kith::timeline
