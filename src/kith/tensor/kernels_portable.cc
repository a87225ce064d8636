#define KITH_KERNEL_NAMESPACE portable
#include "kith/tensor/kernels_body.h"

namespace kith::tensor {

const Kernels& kernels_for(CpuLevel level) {
#if defined(__x86_64__)
  if (level >= CpuLevel::kAvx512) return avx512::kKernels;
  if (level == CpuLevel::kAvx2) return avx2::kKernels;
#endif
  static_cast<void>(level);
  return portable::kKernels;
}

const Kernels& kernels() {
  static const Kernels& chosen = kernels_for(cpu_level());
  return chosen;
}

}  // namespace kith::tensor
