// From tensors to the kernels of cpu_kernels.h: pointers, storage types, rows shared among threads.
#pragma once

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <cstdint>
#include <utility>

#include "kith/train/cpu_kernels.h"

namespace kith::train {

// Rows per task: small enough to share among threads, large enough not to notice the hand-over.
inline constexpr std::int64_t kGrain = 64;

template <typename T>
T* data(const torch::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Calls f with a value of the storage type of `dtype`.
template <typename F>
auto with_storage(torch::Dtype dtype, F&& f) {
  if (dtype == torch::kBFloat16) return f(Bf16{});
  TORCH_CHECK(dtype == torch::kFloat, "compute dtype must be float or bfloat16");
  return f(float{});
}

template <typename F>
void over_rows(std::int64_t rows, F&& f) {
  at::parallel_for(0, rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    f(RowRange{begin, end});
  });
}

inline bool has_kernels(const torch::Tensor& tensor) {
  return tensor.device().is_cpu() &&
         (tensor.scalar_type() == torch::kFloat || tensor.scalar_type() == torch::kBFloat16);
}

}  // namespace kith::train
