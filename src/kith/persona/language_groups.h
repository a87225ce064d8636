// Takes out of users' vectors what their language explains.
//
// Without this, users who write Chinese and users who write English are the two groups that any
// vectors of texts give first, whoever they are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kith/persona/gaussian_view.h"

namespace kith::persona {

// The language of most of what somebody wrote, "" if it cannot be told.
std::string main_language(const std::vector<std::string>& messages);

// Subtracts from each known vector the mean of its language, over the teaching users; with `scales`
// each dimension is also divided by its standard deviation there (one that does not vary is set
// to 0). Languages of fewer than `floor` teaching users are one group.
//   languages: [num_users]
void center_by_language(const std::vector<std::string>& languages,
                        const std::vector<std::size_t>& teachers, std::size_t floor, bool scales,
                        UserVectors& vectors);

}  // namespace kith::persona
