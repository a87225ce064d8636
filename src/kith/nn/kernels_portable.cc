#define KITH_KERNEL_NAMESPACE portable
#include "kith/nn/kernels_body.h"

namespace kith::nn {

const Kernels& kernels_for(tensor::CpuLevel level) {
#if defined(__x86_64__)
  if (level == tensor::CpuLevel::kAvx512) return avx512::kKernels;
  if (level == tensor::CpuLevel::kAvx2) return avx2::kKernels;
#endif
  static_cast<void>(level);
  return portable::kKernels;
}

const Kernels& kernels() {
  static const Kernels& chosen = kernels_for(tensor::cpu_level());
  return chosen;
}

}  // namespace kith::nn
