// Differences between libtorch 1.13 and 2.x, in one place.
#pragma once

#include <ATen/autocast_mode.h>
#include <torch/torch.h>
#include <torch/version.h>

namespace kith::train {

// Turns bf16 autocast on the CPU on or off for this thread; used only by the plain form that the
// benchmark compares with.
inline void set_cpu_autocast(bool enabled) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, enabled);
#else
  at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
  at::autocast::set_cpu_enabled(enabled);
#endif
  if (!enabled) at::autocast::clear_cache();
}

// Causal attention on [batch, heads, seq, head_dim] by the library's fused kernel, where it has
// one.
//   returns: the same shape, or an undefined tensor when the caller must use plain operations.
inline torch::Tensor fused_causal_attention(const torch::Tensor& q, const torch::Tensor& k,
                                            const torch::Tensor& v) {
#if TORCH_VERSION_MAJOR >= 2
  return at::scaled_dot_product_attention(q, k, v, {}, 0.0, true);
#else
  static_cast<void>(q);
  static_cast<void>(k);
  static_cast<void>(v);
  return {};
#endif
}

}  // namespace kith::train
