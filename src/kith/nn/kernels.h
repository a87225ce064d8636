// The inner loops of a layer, compiled once for every CpuLevel. See layers.h, attention.h and
// lora.h for what they are for; here is only what crosses the border between generic and special
// code.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kith/tensor/cpu.h"
#include "kith/tensor/dtype.h"

namespace kith::nn {

// Queries that one call of an attention kernel does together at most, so that keys and values are
// read once for all of them. How many a kernel takes: query_tile().
inline constexpr int kMaxQueryTile = 16;

// One tile: queries of the same sequence that share a key-value head.
struct AttentionTile {
  // [num_queries][head_dim]
  const float* queries[kMaxQueryTile];
  // Where the results go, [num_queries][head_dim].
  float* results[kMaxQueryTile];
  // Each query sees the tokens [begins, lengths): itself and those before it, all or a window of
  // them.
  int begins[kMaxQueryTile];
  int lengths[kMaxQueryTile];
  int num_queries;
  int head_dim;
  int value_stride;
  float scale;
  // Whether keys and values are likely to be in no cache: nobody has read them in this pass.
  bool is_cold;
  // Per block of the sequence the head's keys and values, as KvCache lays them out.
  const void* const* keys;
  const void* const* values;
  // [query_tile(), blocks * 16] and [query_tile(), value_stride], aligned to 64 bytes.
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

// Rows that one call of an int8 LoRA kernel does together, so that a matrix is read once for all.
inline constexpr std::size_t kLoraRows = 4;

// Columns of B times A x of some rows of one update, added to y.
struct LoraUp {
  // [num_rows][rank4]: A x, quantised.
  const std::int8_t* t[kLoraRows];
  // What an integer sum of each row is multiplied with, and the sum of its t.
  float scales[kLoraRows];
  std::int32_t sums[kLoraRows];
  float* y[kLoraRows];
  std::size_t num_rows;
  std::size_t rank4;
  std::size_t count;
};

struct Kernels {
  // out = in / rms(in) * weight, one row.
  void (*rms_norm)(const float* in, const float* weight, std::size_t count, float eps, float* out);
  // out = (in - mean) / deviation * weight + bias, one row.
  void (*layer_norm)(const float* in, const LayerNormWeights& weights, float* out);
  // out = silu(gate) * up.
  void (*swiglu)(const float* gate, const float* up, std::size_t count, float* out);
  // values = values * Phi(values).
  void (*gelu)(float* values, std::size_t count);
  // y += x.
  void (*add)(const float* x, std::size_t count, float* y);

  // The largest value, minus infinity if there is none; false if one is NaN or plus infinity.
  bool (*largest)(const float* in, std::size_t count, float* largest);
  // out[i] = exp(scale (in[i] - top)), 0 where that is below e^-87; returns the sum. `out` may be
  // null.
  float (*exp_weights)(const float* in, std::size_t count, float top, float scale, float* out);

  // out[i] = f16(in[i]), rounded to nearest even and clamped to +-65504.
  void (*to_f16)(const float* in, std::size_t count, std::uint16_t* out);

  void (*attention_f32)(const AttentionTile& tile);
  void (*attention_f16)(const AttentionTile& tile);
  // Queries and weights are rounded to bf16 too: where the CPU has it, one instruction does 32
  // products, or 8,192.
  void (*attention_bf16)(const AttentionTile& tile);
  // What attention_bf16 takes at a time; the others take four.
  int bf16_query_tile;

  // t[r] = scale sum_k a[r, k] x[k]; a: [rank, in].
  void (*lora_down_f32)(const float* a, const float* x, int rank, std::size_t in, float scale,
                        float* t);
  void (*lora_down_bf16)(const std::uint16_t* a, const float* x, int rank, std::size_t in,
                         float scale, float* t);
  // y[n] += sum_r t[r] b[r, n] for n < count; rows of b are `stride` apart.
  void (*lora_up_f32)(const float* b, const float* t, int rank, std::size_t stride,
                      std::size_t count, float* y);
  void (*lora_up_bf16)(const std::uint16_t* b, const float* t, int rank, std::size_t stride,
                       std::size_t count, float* y);

  // Quantises to [-127, 127], writes zeros from count to padded and the sum of the values, and
  // returns the scale; a row of zeros gets scale 0.
  float (*quantize_signed)(const float* in, std::size_t count, std::size_t padded, std::int8_t* out,
                           std::int32_t* sum);
  // sums[i, r] = sum_k a[r, k] x[i][k] for num_rows <= kLoraRows rows, a unsigned. a: tiles of 16
  // ranks, then of 8 and 4, each [in4 / 4][ranks][4]; sums: [num_rows, rank4].
  void (*lora_down_int8)(const std::uint8_t* a, const std::int8_t* const* x, std::size_t num_rows,
                         std::size_t in4, std::size_t rank4, std::int32_t* sums);
  // y[i][n] += scale[i] (sum_r b[n, r] t[i][r] - 128 sum[i]) for n < count; b: [n / 16][rank4 / 4]
  // [16][4], unsigned.
  void (*lora_up_int8)(const std::uint8_t* b, const LoraUp& up);
};

// The kernels compiled for `level`, or for the best level below it that this build has.
const Kernels& kernels_for(tensor::CpuLevel level);
using AttentionKernel = void (*)(const AttentionTile& tile);
// The one for keys and values of type `dtype`. REQUIRES: kF32, kF16 or kBf16.
AttentionKernel attention_kernel(const Kernels& kernels, tensor::DType dtype);
// Queries that it takes at a time, in [1, kMaxQueryTile].
int query_tile(const Kernels& kernels, tensor::DType dtype);
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
namespace avx512_bf16 {
extern const Kernels kKernels;
}
namespace amx {
extern const Kernels kKernels;
}

}  // namespace kith::nn
