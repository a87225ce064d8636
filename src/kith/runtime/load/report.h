// What a run was like, as JSON. For tests.
#pragma once

#include <string>
#include <vector>

#include "kith/runtime/load/options.h"
#include "kith/runtime/load/process_gauge.h"
#include "kith/runtime/load/tally.h"
#include "kith/runtime/load/watch.h"

namespace kith::runtime::load {

struct Findings {
  std::uint64_t num_swaps = 0;
  // With no request at work: after the warm-up, and at the end.
  ProcessGauge after_warm_up;
  ProcessGauge at_end;
};

std::string to_json(const LoadOptions& options, const Tally& tally, const Findings& findings,
                    const std::vector<Sample>& samples);

}  // namespace kith::runtime::load
