// The element-wise parts of the decoder as single passes over memory, for the CPU.
//
// Plain eager operations read and write every activation several times; each function here reads
// its inputs once and writes its outputs once. Matrix products stay with the library. The same
// source is compiled for the baseline CPU and for AVX-512, and cpu_kernels() picks at run time.
// Other devices use the plain tensor operations in ops.cc, against which these are tested.
//
// All functions are thread-safe, work on the rows [begin, end) they are given, and accumulate in
// float whatever the storage type T (float or Bf16).
#pragma once

#include <cstdint>

namespace kith::train {

// bfloat16 storage: the upper half of a float.
struct Bf16 {
  std::uint16_t bits;
};

struct RowRange {
  std::int64_t begin;
  std::int64_t end;
};

// Sizes of one attention call. Queries are handled in blocks of `block` positions so that the upper
// triangle of the causal mask is mostly never computed.
struct AttentionShape {
  std::int64_t batch;
  std::int64_t seq;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t block;
};

template <typename T>
struct CpuKernels {
  // residual_out = residual + delta (delta may be null: residual_out may then equal residual and is
  // not written); y = residual_out * rstd * weight with rstd = 1 / sqrt(mean(x^2) + eps).
  //   residual, residual_out: [rows, dim] float; delta, y: [rows, dim]; weight: [dim]; rstd: [rows]
  struct RmsNormForward {
    const float* residual;
    const T* delta;
    float* residual_out;
    const float* weight;
    T* y;
    float* rstd;
    std::int64_t dim;
    float eps;
  };
  void (*rms_norm_forward)(const RmsNormForward&, RowRange);

  // Gradients of the above. grad_residual_out may be null (zero). grad_delta may be null.
  // grad_weight [dim] is added to, not overwritten: one buffer per thread.
  struct RmsNormBackward {
    const float* residual_out;
    const float* weight;
    const float* rstd;
    const T* grad_y;
    const float* grad_residual_out;
    float* grad_residual;
    T* grad_delta;
    float* grad_weight;
    std::int64_t dim;
  };
  void (*rms_norm_backward)(const RmsNormBackward&, RowRange);

  // y = silu(gate) * up.  gate_up: [rows, 2 * dim], gate first; y: [rows, dim]
  void (*swiglu_forward)(const T* gate_up, T* y, std::int64_t dim, RowRange);
  void (*swiglu_backward)(const T* gate_up, const T* grad_y, T* grad_gate_up, std::int64_t dim,
                          RowRange);

  // Splits rows of qkv [batch * seq, (heads + 2 kv_heads) * head_dim] into
  //   q: blocks of positions, each [batch * kv_heads, heads / kv_heads, rows, head_dim], rotated
  //   k: [batch * kv_heads, seq, head_dim], rotated;  v: the same shape, as it is.
  // cos, sin: [seq, head_dim / 2]. Rotation pairs element i with i + head_dim / 2.
  // The range counts rows of qkv.
  struct Rotary {
    AttentionShape shape;
    const float* cos;
    const float* sin;
  };
  void (*split_rotary)(const Rotary&, const T* qkv, T* q, T* k, T* v, RowRange);
  // The transpose: gathers gradients (k and v in float) into rows of grad_qkv and rotates back.
  void (*merge_rotary)(const Rotary&, const T* grad_q, const float* grad_k, const float* grad_v,
                       T* grad_qkv, RowRange);

  // Between rows [batch * seq, heads * head_dim] and the block layout of q. The range counts rows.
  void (*blocks_to_rows)(const AttentionShape&, const T* blocks, T* rows, RowRange);
  void (*rows_to_blocks)(const AttentionShape&, const T* rows, T* blocks, RowRange);

  // In place: row r of scores [rows, width] becomes softmax(scale * score) over its first
  // first_position + r % block_rows + 1 entries, and zero after. scratch: [width].
  struct CausalSoftmax {
    T* scores;
    std::int64_t width;
    std::int64_t block_rows;
    std::int64_t first_position;
    float scale;
  };
  void (*softmax_forward)(const CausalSoftmax&, float* scratch, RowRange);
  // In place: grad (in `scores`) becomes scale * p * (grad - sum(p * grad)).
  void (*softmax_backward)(const CausalSoftmax&, const T* probabilities, RowRange);

  // In place: logits [rows, vocab] become weight * (softmax(logits) - onehot(target)).
  // Returns the sum of -log softmax(logits)[target] over the range, unweighted.
  double (*cross_entropy)(T* logits, const std::int64_t* targets, std::int64_t vocab, float weight,
                          RowRange);
};

// The best table for this CPU.
template <typename T>
const CpuKernels<T>& cpu_kernels();

// Both builds, for tests; the second must only be called where supports_avx512().
bool supports_avx512();
template <typename T>
const CpuKernels<T>& portable_kernels();
template <typename T>
const CpuKernels<T>& avx512_kernels();

}  // namespace kith::train
