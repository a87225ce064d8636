// What a measurement was made on.
#pragma once

#include <cstddef>
#include <string>

namespace kith::engine {

struct BenchMachine {
  // As the processor names itself.
  std::string cpu;
  int cores = 0;
  // The widest instruction sets in use, e.g. "avx512_bf16,avx512_vnni".
  std::string isa;
};
BenchMachine describe_machine();

// Physical memory of this process, mapped files that it has touched included; 0 where the system
// does not tell.
std::size_t resident_bytes();
// The most that it ever was.
std::size_t peak_resident_bytes();

}  // namespace kith::engine
