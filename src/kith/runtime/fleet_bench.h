// The scenario of `kith bench fleet`: how long the figures of one persona take in a store of many
// users.
#pragma once

#include <vector>

#include "kith/base/result.h"

namespace kith::runtime {

struct FleetBench {
  // Spread over five personas; a twentieth of them changes persona once.
  int num_users = 100'000;
  // Answers of each over 30 days, a tenth of them with a thumb. >= 1.
  int num_answers = 5;
  // Questions that are timed, of each span. >= 1.
  int rounds = 5;
};

struct FleetResult {
  int num_users = 0;
  int num_decisions = 0;
  int num_days = 0;
  // Of one question with a bucket for each day.
  double best_ms = 0.0;
  double worst_ms = 0.0;
};

// Fills a store in a temporary directory, which takes about a minute for 100,000 users, and asks.
// One result for each span: 7, 30 and 365 days. Errors: those of the store.
Result<std::vector<FleetResult>> bench_fleet(const FleetBench& options);

}  // namespace kith::runtime
