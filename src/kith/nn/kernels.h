// The inner loops of a layer, compiled once for every CpuLevel. See layers.h, attention.h and
// lora.h for what they are for; here is only what crosses the border between generic and special
// code.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kith/tensor/cpu.h"

namespace kith::nn {

// Queries that one call of the attention kernel does together, so that keys and values are read
// once for all of them.
inline constexpr int kQueryTile = 4;

// One tile: queries of the same sequence that share a key-value head.
struct AttentionTile {
  // [num_queries][head_dim]
  const float* queries[kQueryTile];
  // Where the results go, [num_queries][head_dim].
  float* results[kQueryTile];
  // Tokens that each query sees: itself and all before it.
  int lengths[kQueryTile];
  int num_queries;
  int head_dim;
  int value_stride;
  float scale;
  // Per block of the sequence: keys [head_dim, 16] and values [16, value_stride] of the head.
  const void* const* keys;
  const void* const* values;
  // [kQueryTile, blocks * 16] and [kQueryTile, value_stride].
  float* scores;
  float* sums;
};

// The constants of a layer norm of `count` values.
struct LayerNormWeights {
  const float* weight;
  const float* bias;
  std::size_t count;
  float eps;
};

struct Kernels {
  // out = in / rms(in) * weight, one row.
  void (*rms_norm)(const float* in, const float* weight, std::size_t count, float eps, float* out);
  // out = silu(gate) * up.
  void (*swiglu)(const float* gate, const float* up, std::size_t count, float* out);
  // y += x.
  void (*add)(const float* x, std::size_t count, float* y);

  // out[i] = f16(in[i]), rounded to nearest even and clamped to +-65504.
  void (*to_f16)(const float* in, std::size_t count, std::uint16_t* out);

  void (*attention_f32)(const AttentionTile& tile);
  void (*attention_f16)(const AttentionTile& tile);

  // t[r] = sum_k a[r, k] x[k], then y[n] += sum_r scale t[r] b[r, n]; a: [rank, in], b: [rank,
  // out].
  void (*lora_f32)(const float* a, const float* b, const float* x, float* y, float* t, int rank,
                   std::size_t in, std::size_t out, float scale);
  void (*lora_bf16)(const std::uint16_t* a, const std::uint16_t* b, const float* x, float* y,
                    float* t, int rank, std::size_t in, std::size_t out, float scale);

  // out = (in - mean) / deviation * weight + bias, one row.
  void (*layer_norm)(const float* in, const LayerNormWeights& weights, float* out);
  // values = values * Phi(values).
  void (*gelu)(float* values, std::size_t count);
};

// The kernels compiled for `level`, or for the best level below it that this build has.
const Kernels& kernels_for(tensor::CpuLevel level);
// Those for this CPU.
const Kernels& kernels();

namespace portable {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}

}  // namespace kith::nn
