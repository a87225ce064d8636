// No user speaks with more than a share of a persona's voice.
//
// Method: water-filling. With t_u the tokens of user u and T their sum, the shares are
//   s_u = min(c, lambda t_u),  sum s_u = 1,
// so that users below the cap c keep their proportions and what the others lose is spread over
// them. A cap below 1/n is impossible, and one just above lets somebody with three words speak as
// loudly as somebody with three hundred; so no token counts more than `max_boost` times the
// average, and the cap is relaxed to the smallest that this allows:
//   sum min(c, max_boost t_u / T) = 1.
// Computed exactly, not by iteration. See docs/adr/0018-training-data-of-a-persona.md.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kith/base/result.h"

namespace kith::persona {

struct UserCapOptions {
  // Largest share of a user, in (0, 1].
  double max_share = 0.02;
  // Largest weight of a token against the average, >= 1.
  double max_boost = 4.0;
};

struct UserCap {
  // The cap that holds: max_share, or the smallest one that is possible.
  double share = 0.0;
  bool is_relaxed = false;
  // Of each user; sums to 1. [num_users]
  std::vector<double> shares;
  // By which each token of a user is to be weighted; the mean over all tokens is 1. [num_users]
  std::vector<double> weights;
  std::size_t num_capped = 0;
  // 1 / sum of the squared shares: so many equal users would say as much.
  double effective_users = 0.0;
};

// tokens: of each user, positive and finite. [num_users]
// Errors: kInvalidArgument without users, for a user without tokens, or an option out of range.
Result<UserCap> cap_users(std::span<const double> tokens, const UserCapOptions& options);

}  // namespace kith::persona
