// The scenario of `kith bench startup`: from the start of the program to its first answer.
#pragma once

#include <string>

#include "kith/base/result.h"

namespace kith::runtime {

struct StartupBench {
  // A Hugging Face directory; empty: the built-in model.
  std::string model_dir;
  // Starts, each in a new data directory.
  int rounds = 5;
};

struct StartupResult {
  int num_starts = 0;
  // Wall time from starting `kith serve` until /readyz said 200.
  double best_seconds = 0.0;
  double worst_seconds = 0.0;
};

// Starts this program (/proc/self/exe) as a server on a free port, asks it, and stops it.
// Errors: kUnavailable if it cannot be started or does not become ready in 30 seconds.
Result<StartupResult> bench_startup(const StartupBench& options);

}  // namespace kith::runtime
