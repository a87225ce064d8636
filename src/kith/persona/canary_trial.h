// Is a canary worse? Thumbs down of its users against those of the version that serves, looked at
// after every thumb.
//
// Method: an e-process for H0 "the canary draws no more thumbs down than the serving version", by
// universal inference (Wasserman, Ramdas, Balakrishnan, PNAS 2020): the likelihood of all votes
// under a mixture over "the canary is worse" (both rates uniform, the canary's above the other),
// over the largest likelihood that H0 allows. By Ville's inequality it ever reaches 1 / alpha with
// probability at most alpha while H0 holds, however often one looks and whenever one stops. It
// depends on the counts alone, so it can be computed anew from the stored votes.
#pragma once

#include <cstdint>
#include <string>

namespace kith::persona {

struct VoteCounts {
  std::int64_t up = 0;    // >= 0
  std::int64_t down = 0;  // >= 0
};

// Chance of withdrawing a canary that is no worse, over its whole life.
inline constexpr double kCanaryErrorRate = 0.05;

// Natural logarithm of the e-process. O(smallest count). Pure.
double canary_log_evidence(const VoteCounts& canary, const VoteCounts& serving);

// Whether the evidence is enough at this error rate, in (0, 1).
bool is_canary_worse(const VoteCounts& canary, const VoteCounts& serving,
                     double error_rate = kCanaryErrorRate);

// Whether a user of this name falls into the share of a trial: by hash, so always the same answer,
// and independent of other trials.
//   share: in [0, 1]
bool is_in_share(const std::string& tenant, const std::string& user, const std::string& trial,
                 double share);

}  // namespace kith::persona
