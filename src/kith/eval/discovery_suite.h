// Does discovery find the personas that nobody told it of?
#pragma once

#include <string>
#include <vector>

#include "kith/eval/desk_users.h"
#include "kith/eval/figures.h"
#include "kith/eval/suites.h"
#include "kith/persona/discovery.h"

namespace kith::eval {

// The attributes by which the example's personas are told apart best; figures without them say how
// much hangs on a good directory.
inline constexpr const char* kStrongestAttribute = "grade";
inline constexpr const char* kNextAttribute = "title";

// Adjusted Rand index of the groups against the hidden personas, each with the baselines attributes
// and texts (what that alone gives); users who are in no group count as one more group.
//   ari              learned from all users; baseline random: as many groups, drawn; interval over
//                    users
//   ari_test         learned from the train users, over the test users, who are assigned
//   ari_resampled    mean over ten seeds that leave a fifth of the users out; interval: smallest
//                    and largest
//   ari_no_grade, ari_no_grade_title  without these attributes; interval over users
//   groups           found; baseline truth: personas there are; interval: over the ten seeds
// Errors: those of the encoder and of persona::PersonaDiscovery; kNotFound without test users.
Result<Report> evaluate_discovery(const std::vector<DeskUser>& users,
                                  const persona::TextEncoder* encoder,
                                  const persona::DiscoveryOptions& options,
                                  const Progress& progress = {});

}  // namespace kith::eval
