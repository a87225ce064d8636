#include "kith/train/cpu_kernels_impl.h"

namespace kith::train {

template <>
const CpuKernels<float>& avx512_kernels<float>() {
  return kFloatTable;
}
template <>
const CpuKernels<Bf16>& avx512_kernels<Bf16>() {
  return kBf16Table;
}

}  // namespace kith::train
