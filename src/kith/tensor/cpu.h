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
  // kAvx512, and AMX's tiles of bf16 and int8, with the system's leave to use them. AVX512-BF16 is
  // not used there: its products take four times as long as those of f32 (Sapphire Rapids).
  kAmx,
};

// Asks the system for leave to use tiles, once. Thread-safe.
CpuLevel cpu_level();

}  // namespace kith::tensor
