#include "kith/train/cpu_kernels_impl.h"

namespace kith::train {

template <>
const CpuKernels<float>& portable_kernels<float>() {
  return kFloatTable;
}
template <>
const CpuKernels<Bf16>& portable_kernels<Bf16>() {
  return kBf16Table;
}

#if defined(__x86_64__)
bool supports_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("fma") != 0;
}

template <typename T>
const CpuKernels<T>& cpu_kernels() {
  return supports_avx512() ? avx512_kernels<T>() : portable_kernels<T>();
}
#else
bool supports_avx512() { return false; }

template <typename T>
const CpuKernels<T>& cpu_kernels() {
  return portable_kernels<T>();
}
#endif

template const CpuKernels<float>& cpu_kernels<float>();
template const CpuKernels<Bf16>& cpu_kernels<Bf16>();

}  // namespace kith::train
