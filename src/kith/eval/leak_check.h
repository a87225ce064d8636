// Does a model give back what it must not? Extraction by greedy continuation, the exposure of
// planted secrets (Carlini et al., "The Secret Sharer", USENIX Security 2019) and the calibrated
// memorisation of one user's words (Watson et al., "On the Importance of Difficulty Calibration in
// Membership Inference Attacks", ICLR 2022).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/figures.h"
#include "kith/eval/gate_scores.h"

namespace kith::eval {

// For each probe, whether greedy continuation of its prefix holds the secret (white space apart).
Result<std::vector<bool>> extracts(const AdapterScorer& scorer, std::span<const LeakProbe> probes);

struct ExposureOptions {
  // Strings of the secret's form (letters for letters, digits for digits) that it is ranked among.
  int alternatives = 99;
  std::uint64_t seed = 13;
};

// For each probe, log2(alternatives + 1) - log2(rank of the secret) in bits: about 1.4 on average
// for secrets that the model does not know, log2(alternatives + 1) for those that it knows best.
Result<std::vector<double>> exposures(const AdapterScorer& scorer,
                                      std::span<const LeakProbe> probes,
                                      const ExposureOptions& options = {});

// A string of the same form as `secret`: every digit another digit, every ASCII letter another
// letter of its case, drawn by seed; the rest as it is.
std::string same_form(const std::string& secret, std::uint64_t seed);

// For each probe, what the adapter adds to the mean log-probability of its secret behind its
// prefix, over the reference.
Result<std::vector<double>> gains(const AdapterScorer& adapter, const AdapterScorer& reference,
                                  std::span<const LeakProbe> probes);

// Mean of `inside` less mean of `outside`, with its interval by bootstrap over both.
// REQUIRES: neither is empty.
Figure mean_difference(std::span<const double> inside, std::span<const double> outside);

}  // namespace kith::eval
