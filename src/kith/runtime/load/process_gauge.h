// What this process holds: memory and file descriptors. For tests, on Linux with glibc.
#pragma once

#include <cstddef>

namespace kith::runtime::load {

struct ProcessGauge {
  // Resident memory that no file stands behind.
  double resident_mb = 0.0;
  // Memory that was allocated and not given back, with the freed blocks that each thread keeps at
  // hand (some 200 kB a thread).
  double allocated_mb = 0.0;
  std::size_t descriptors = 0;
  std::size_t threads = 0;
};

ProcessGauge read_process_gauge();

// The same after the allocator has given back what it keeps for later.
ProcessGauge read_trimmed_gauge();

// Whether sizes of memory say nothing because a sanitizer keeps its own books.
bool has_sanitizer();

}  // namespace kith::runtime::load
