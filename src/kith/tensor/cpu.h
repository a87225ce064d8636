// Which instruction sets this CPU has, as far as kernels are chosen by it.
#pragma once

#include <cstdint>

namespace kith::tensor {

enum class CpuLevel : std::uint8_t {
  kPortable,
  // AVX2, FMA and F16C.
  kAvx2,
  // Those, and AVX-512 F, BW, VL, DQ and VNNI.
  kAvx512,
  // Those, and AVX512-BF16.
  kAvx512Bf16,
};

CpuLevel cpu_level();

}  // namespace kith::tensor
