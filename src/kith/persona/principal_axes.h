// The directions in which vectors vary most.
#pragma once

#include <cstddef>
#include <vector>

#include "kith/persona/gaussian_view.h"

namespace kith::persona {

// Replaces the vectors by their coordinates along the `num_axes` principal axes of the teaching
// users' vectors, each scaled to variance 1 there; fewer axes if the vectors vary in fewer.
// Method: principal components by subspace iteration on the covariance (Halko et al. 2011), from a
// fixed start. REQUIRES: the vectors are centred.
// O(users * dimensions^2 + dimensions^2 * num_axes).
void project_on_principal_axes(const std::vector<std::size_t>& teachers, std::size_t num_axes,
                               UserVectors& vectors);

}  // namespace kith::persona
