#include "kith/eval/loss.h"

#include <cmath>

namespace kith::eval {

double Loss::perplexity() const { return tokens > 0.0 ? std::exp(nats / tokens) : 0.0; }

double perplexity_of(std::span<const Loss> losses, const std::vector<std::size_t>& units) {
  Loss total;
  for (const std::size_t unit : units) total.add(losses[unit]);
  return total.perplexity();
}

Figure perplexity_change(std::span<const Loss> candidate, std::span<const Loss> current) {
  return bootstrap(candidate.size(), [&](const std::vector<std::size_t>& units) {
    return perplexity_of(candidate, units) / perplexity_of(current, units) - 1.0;
  });
}

}  // namespace kith::eval
