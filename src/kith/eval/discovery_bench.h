// The scenario of `kith bench discovery`: what discovery costs on many simulated users.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kith/base/result.h"
#include "kith/persona/text_encoder.h"

namespace kith::eval {

struct DiscoveryBench {
  std::size_t users = 10'000;  // >= 100
  // Hidden groups that they are drawn from, in [1, 16].
  std::size_t groups = 6;
  std::uint64_t seed = 1;
};

struct DiscoveryBenchResult {
  std::size_t groups_found = 0;
  // Against the hidden groups.
  double adjusted_rand_index = 0.0;
  // Wall time of reading what users wrote, and of finding and describing groups.
  double read_seconds = 0.0;
  double find_seconds = 0.0;
};

// Users with seven attributes (five that their group leans to, two that it does not), an id, and
// three messages whose words lean to their group.
// Errors: those of the encoder and of persona::PersonaDiscovery.
Result<DiscoveryBenchResult> bench_discovery(const DiscoveryBench& options,
                                             const persona::TextEncoder& encoder);

}  // namespace kith::eval
