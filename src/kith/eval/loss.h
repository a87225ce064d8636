// How likely texts are under a model: the sums behind a perplexity.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kith/eval/figures.h"

namespace kith::eval {

struct Loss {
  double nats = 0.0;  // negative natural log-likelihood, summed over tokens; >= 0
  double tokens = 0.0;

  void add(const Loss& other) {
    nats += other.nats;
    tokens += other.tokens;
  }
  // exp(nats / tokens); 0 without tokens.
  double perplexity() const;
};

// Perplexity over the losses of `units`.
double perplexity_of(std::span<const Loss> losses, const std::vector<std::size_t>& units);

// Perplexity of the candidate over that of the current system, less one (-0.1: a tenth lower), with
// its interval by paired bootstrap over units (users).
// REQUIRES: equal sizes, not empty, with tokens.
Figure perplexity_change(std::span<const Loss> candidate, std::span<const Loss> current);

}  // namespace kith::eval
