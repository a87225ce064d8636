#define KITH_KERNEL_NAMESPACE portable
#include "kith/nn/kernels_body.h"

namespace kith::nn {

const Kernels& kernels_for(tensor::CpuLevel level) {
#if defined(__x86_64__)
  if (level == tensor::CpuLevel::kAmx) return amx::kKernels;
  if (level == tensor::CpuLevel::kAvx512Bf16) return avx512_bf16::kKernels;
  if (level == tensor::CpuLevel::kAvx512) return avx512::kKernels;
  if (level == tensor::CpuLevel::kAvx2) return avx2::kKernels;
#endif
  static_cast<void>(level);
  return portable::kKernels;
}

AttentionKernel attention_kernel(const Kernels& kernels, tensor::DType dtype) {
  if (dtype == tensor::DType::kF32) return kernels.attention_f32;
  return dtype == tensor::DType::kF16 ? kernels.attention_f16 : kernels.attention_bf16;
}

int query_tile(const Kernels& kernels, tensor::DType dtype) {
  constexpr int kOfVectors = 4;
  return dtype == tensor::DType::kBf16 ? kernels.bf16_query_tile : kOfVectors;
}

const Kernels& kernels() {
  static const Kernels& chosen = kernels_for(tensor::cpu_level());
  return chosen;
}

}  // namespace kith::nn
