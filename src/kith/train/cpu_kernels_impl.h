// The loops behind cpu_kernels.h. Included once by each cpu_kernels_<isa>.cc, which differ in their
// compiler flags only. Everything is in an unnamed namespace and nothing of the standard library is
// instantiated: an inline function compiled here for AVX-512 could otherwise be the copy that the
// linker keeps for the whole program.
#pragma once

#include <cstdint>

#include "kith/train/cpu_kernels.h"

namespace kith::train {
namespace {

inline float load(float value) { return value; }
inline float load(Bf16 value) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(value.bits) << 16);
}
inline void store(float& to, float value) { to = value; }
inline void store(Bf16& to, float value) {
  // Round to nearest even.
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  to.bits = static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// exp(x) with a relative error below 3e-7; clamped to the range of a normal float.
inline float exp_approx(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer.
  const float n = (x * 1.44269504F + kRound) - kRound;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  return p * __builtin_bit_cast(float, exponent);
}

inline float sigmoid(float x) { return 1.0F / (1.0F + exp_approx(-x)); }

template <typename T>
void rms_norm_forward(const typename CpuKernels<T>::RmsNormForward& a, RowRange range) {
  const std::int64_t dim = a.dim;
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const float* x = a.residual + row * dim;
    if (a.delta != nullptr) {
      const float* in = x;
      const T* delta = a.delta + row * dim;
      float* out = a.residual_out + row * dim;
#pragma omp simd
      for (std::int64_t i = 0; i < dim; ++i) out[i] = in[i] + load(delta[i]);
      x = out;
    }
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < dim; ++i) sum += x[i] * x[i];
    const float rstd = 1.0F / __builtin_sqrtf(sum / static_cast<float>(dim) + a.eps);
    a.rstd[row] = rstd;
    T* y = a.y + row * dim;
    const float* weight = a.weight;
#pragma omp simd
    for (std::int64_t i = 0; i < dim; ++i) store(y[i], x[i] * rstd * weight[i]);
  }
}

template <typename T>
void rms_norm_backward(const typename CpuKernels<T>::RmsNormBackward& a, RowRange range) {
  const std::int64_t dim = a.dim;
  const float* weight = a.weight;
  float* grad_weight = a.grad_weight;
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const float* x = a.residual_out + row * dim;
    const T* grad_y = a.grad_y + row * dim;
    const float rstd = a.rstd[row];
    float dot = 0.0F;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t i = 0; i < dim; ++i) {
      const float g = load(grad_y[i]);
      dot += g * weight[i] * x[i];
      grad_weight[i] += g * x[i] * rstd;
    }
    // d/dx of x * rstd(x): rstd * (g - x * rstd^2 * mean(g * x)).
    const float shrink = dot * rstd * rstd / static_cast<float>(dim);
    float* out = a.grad_residual + row * dim;
#pragma omp simd
    for (std::int64_t i = 0; i < dim; ++i) {
      out[i] = rstd * (load(grad_y[i]) * weight[i] - x[i] * shrink);
    }
    if (a.grad_residual_out != nullptr) {
      const float* more = a.grad_residual_out + row * dim;
#pragma omp simd
      for (std::int64_t i = 0; i < dim; ++i) out[i] += more[i];
    }
    if (a.grad_delta != nullptr) {
      T* delta = a.grad_delta + row * dim;
#pragma omp simd
      for (std::int64_t i = 0; i < dim; ++i) store(delta[i], out[i]);
    }
  }
}

template <typename T>
void swiglu_forward(const T* gate_up, T* y, std::int64_t dim, RowRange range) {
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const T* gate = gate_up + row * 2 * dim;
    const T* up = gate + dim;
    T* out = y + row * dim;
#pragma omp simd
    for (std::int64_t i = 0; i < dim; ++i) {
      const float g = load(gate[i]);
      store(out[i], g * sigmoid(g) * load(up[i]));
    }
  }
}

template <typename T>
void swiglu_backward(const T* gate_up, const T* grad_y, T* grad_gate_up, std::int64_t dim,
                     RowRange range) {
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const T* gate = gate_up + row * 2 * dim;
    const T* up = gate + dim;
    const T* grad = grad_y + row * dim;
    T* grad_gate = grad_gate_up + row * 2 * dim;
    T* grad_up = grad_gate + dim;
#pragma omp simd
    for (std::int64_t i = 0; i < dim; ++i) {
      const float g = load(gate[i]);
      const float s = sigmoid(g);
      const float d = load(grad[i]);
      store(grad_gate[i], d * load(up[i]) * s * (1.0F + g * (1.0F - s)));
      store(grad_up[i], d * g * s);
    }
  }
}

// Where head `head` of position `t` of sequence `b` lies in the block layout of the queries.
inline std::int64_t query_offset(const AttentionShape& s, std::int64_t b, std::int64_t t,
                                 std::int64_t head) {
  const std::int64_t start = t / s.block * s.block;
  const std::int64_t left = s.seq - start;
  const std::int64_t rows = left < s.block ? left : s.block;
  // heads = kv_heads * group, so (b, kv head, group member) is simply b * heads + head.
  const std::int64_t plane = b * s.heads + head;
  return (start * s.batch * s.heads + plane * rows + (t - start)) * s.head_dim;
}

// sign = 1 rotates, -1 rotates back.
template <typename In, typename Out>
inline void rotate(const In* in, Out* out, const float* cos, const float* sin, float sign,
                   std::int64_t half) {
#pragma omp simd
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = load(in[i]);
    const float b = load(in[i + half]);
    const float s = sign * sin[i];
    store(out[i], a * cos[i] - b * s);
    store(out[i + half], b * cos[i] + a * s);
  }
}

template <typename T>
void split_rotary(const typename CpuKernels<T>::Rotary& a, const T* qkv, T* q, T* k, T* v,
                  RowRange range) {
  const AttentionShape& s = a.shape;
  const std::int64_t dim = s.head_dim;
  const std::int64_t half = dim / 2;
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const std::int64_t b = row / s.seq;
    const std::int64_t t = row % s.seq;
    const T* in = qkv + row * (s.heads + 2 * s.kv_heads) * dim;
    const float* cos = a.cos + t * half;
    const float* sin = a.sin + t * half;
    for (std::int64_t h = 0; h < s.heads; ++h) {
      rotate(in + h * dim, q + query_offset(s, b, t, h), cos, sin, 1.0F, half);
    }
    for (std::int64_t h = 0; h < s.kv_heads; ++h) {
      const std::int64_t to = ((b * s.kv_heads + h) * s.seq + t) * dim;
      rotate(in + (s.heads + h) * dim, k + to, cos, sin, 1.0F, half);
      const T* value = in + (s.heads + s.kv_heads + h) * dim;
      for (std::int64_t i = 0; i < dim; ++i) v[to + i] = value[i];
    }
  }
}

template <typename T>
void merge_rotary(const typename CpuKernels<T>::Rotary& a, const T* grad_q, const float* grad_k,
                  const float* grad_v, T* grad_qkv, RowRange range) {
  const AttentionShape& s = a.shape;
  const std::int64_t dim = s.head_dim;
  const std::int64_t half = dim / 2;
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    const std::int64_t b = row / s.seq;
    const std::int64_t t = row % s.seq;
    T* out = grad_qkv + row * (s.heads + 2 * s.kv_heads) * dim;
    const float* cos = a.cos + t * half;
    const float* sin = a.sin + t * half;
    for (std::int64_t h = 0; h < s.heads; ++h) {
      rotate(grad_q + query_offset(s, b, t, h), out + h * dim, cos, sin, -1.0F, half);
    }
    for (std::int64_t h = 0; h < s.kv_heads; ++h) {
      const std::int64_t from = ((b * s.kv_heads + h) * s.seq + t) * dim;
      rotate(grad_k + from, out + (s.heads + h) * dim, cos, sin, -1.0F, half);
      T* value = out + (s.heads + s.kv_heads + h) * dim;
#pragma omp simd
      for (std::int64_t i = 0; i < dim; ++i) store(value[i], grad_v[from + i]);
    }
  }
}

template <typename T>
void blocks_to_rows(const AttentionShape& s, const T* blocks, T* rows, RowRange range) {
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    for (std::int64_t h = 0; h < s.heads; ++h) {
      const T* from = blocks + query_offset(s, row / s.seq, row % s.seq, h);
      T* to = rows + (row * s.heads + h) * s.head_dim;
      for (std::int64_t i = 0; i < s.head_dim; ++i) to[i] = from[i];
    }
  }
}

template <typename T>
void rows_to_blocks(const AttentionShape& s, const T* rows, T* blocks, RowRange range) {
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    for (std::int64_t h = 0; h < s.heads; ++h) {
      T* to = blocks + query_offset(s, row / s.seq, row % s.seq, h);
      const T* from = rows + (row * s.heads + h) * s.head_dim;
      for (std::int64_t i = 0; i < s.head_dim; ++i) to[i] = from[i];
    }
  }
}

template <typename T>
void softmax_forward(const typename CpuKernels<T>::CausalSoftmax& a, float* scratch,
                     RowRange range) {
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    T* x = a.scores + row * a.width;
    const std::int64_t valid = a.first_position + row % a.block_rows + 1;
    float max = -3.0e38F;
#pragma omp simd reduction(max : max)
    for (std::int64_t i = 0; i < valid; ++i) {
      const float value = load(x[i]);
      max = value > max ? value : max;
    }
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < valid; ++i) {
      const float e = exp_approx((load(x[i]) - max) * a.scale);
      scratch[i] = e;
      sum += e;
    }
    const float inverse = 1.0F / sum;
#pragma omp simd
    for (std::int64_t i = 0; i < valid; ++i) store(x[i], scratch[i] * inverse);
    for (std::int64_t i = valid; i < a.width; ++i) store(x[i], 0.0F);
  }
}

template <typename T>
void softmax_backward(const typename CpuKernels<T>::CausalSoftmax& a, const T* probabilities,
                      RowRange range) {
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    T* grad = a.scores + row * a.width;
    const T* p = probabilities + row * a.width;
    const std::int64_t valid = a.first_position + row % a.block_rows + 1;
    float dot = 0.0F;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t i = 0; i < valid; ++i) dot += load(p[i]) * load(grad[i]);
#pragma omp simd
    for (std::int64_t i = 0; i < valid; ++i) {
      store(grad[i], a.scale * load(p[i]) * (load(grad[i]) - dot));
    }
    for (std::int64_t i = valid; i < a.width; ++i) store(grad[i], 0.0F);
  }
}

template <typename T>
double cross_entropy(T* logits, const std::int64_t* targets, std::int64_t vocab, float weight,
                     RowRange range) {
  double total = 0.0;
  for (std::int64_t row = range.begin; row < range.end; ++row) {
    T* x = logits + row * vocab;
    float max = -3.0e38F;
#pragma omp simd reduction(max : max)
    for (std::int64_t i = 0; i < vocab; ++i) {
      const float value = load(x[i]);
      max = value > max ? value : max;
    }
    const float at_target = load(x[targets[row]]) - max;
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < vocab; ++i) sum += exp_approx(load(x[i]) - max);
    const float log_sum = __builtin_logf(sum);
    total += static_cast<double>(log_sum) - static_cast<double>(at_target);
    const float scale = weight / sum;
    // exp is computed twice: cheaper than a second buffer of the vocabulary's width.
#pragma omp simd
    for (std::int64_t i = 0; i < vocab; ++i) store(x[i], scale * exp_approx(load(x[i]) - max));
    const float p_target = __builtin_expf(at_target) / sum;
    store(x[targets[row]], weight * (p_target - 1.0F));
  }
  return total;
}

template <typename T>
constexpr CpuKernels<T> make_table() {
  return CpuKernels<T>{&rms_norm_forward<T>, &rms_norm_backward<T>, &swiglu_forward<T>,
                       &swiglu_backward<T>,  &split_rotary<T>,      &merge_rotary<T>,
                       &blocks_to_rows<T>,   &rows_to_blocks<T>,    &softmax_forward<T>,
                       &softmax_backward<T>, &cross_entropy<T>};
}

constexpr CpuKernels<float> kFloatTable = make_table<float>();
constexpr CpuKernels<Bf16> kBf16Table = make_table<Bf16>();

}  // namespace
}  // namespace kith::train
