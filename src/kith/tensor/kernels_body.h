// The kernels of kernels.h as plain loops for the vectoriser. Included once by each kernels_*.cc,
// which names the namespace and is compiled for one instruction set. No function of another header
// may be called here: the linker could then keep a copy of it that other CPUs cannot run.
#include "kith/tensor/kernels.h"

#if defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

// It is code, not declarations.
// NOLINTBEGIN(misc-definitions-in-headers)
namespace kith::tensor::KITH_KERNEL_NAMESPACE {
namespace {

inline __attribute__((always_inline)) std::uint32_t bf16_bits(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  // Rounding could carry a NaN over to infinity.
  const std::uint32_t quiet = (bits >> 16) | 0x40U;
  return (bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded;
}

void to_bf16(const float* in, std::size_t count, std::uint16_t* out) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint16_t>(bf16_bits(in[i]));
}

void split_bf16(const float* in, std::size_t count, std::uint16_t* high, std::uint16_t* low) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bits = bf16_bits(in[i]);
    const float rest = in[i] - __builtin_bit_cast(float, bits << 16);
    high[i] = static_cast<std::uint16_t>(bits);
    low[i] = static_cast<std::uint16_t>(bf16_bits(rest));
  }
}

float quantize_row(const float* in, std::size_t count, std::size_t padded, std::uint8_t* out) {
  float largest = 0.0F;
#pragma omp simd reduction(max : largest)
  for (std::size_t i = 0; i < count; ++i) {
    const float magnitude = in[i] < 0.0F ? -in[i] : in[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  const float scale = largest / 127.0F;
  // Smallest scale whose inverse is finite; a row as small as that is zero in effect.
  const float inverse = scale > 1e-37F ? 1.0F / scale : 0.0F;
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) {
    // Adding 1.5 * 2^23 leaves the value, rounded to nearest even, in the low mantissa bits.
    const float shifted = in[i] * inverse + 12582912.0F;
    const std::uint32_t rounded = __builtin_bit_cast(std::uint32_t, shifted) + 128U;
    out[i] = static_cast<std::uint8_t>(rounded & 0xFFU);
  }
  for (std::size_t i = count; i < padded; ++i) out[i] = 128;
  return inverse > 0.0F ? scale : 0.0F;
}

void finish_row(const std::int32_t* sums, std::size_t out, float row_scale,
                const Int8Epilogue& epilogue, float* results) {
  const std::int32_t* compensation = epilogue.compensation;
  const float* scales = epilogue.scales;
#pragma omp simd
  for (std::size_t n = 0; n < out; ++n) {
    // Unsigned, because a file may hold a compensation that no weights have.
    const auto difference =
        static_cast<std::uint32_t>(sums[n]) - static_cast<std::uint32_t>(compensation[n]);
    results[n] =
        static_cast<float>(static_cast<std::int32_t>(difference)) * (scales[n] * row_scale);
  }
  if (epilogue.bias == nullptr) return;
  const float* bias = epilogue.bias;
#pragma omp simd
  for (std::size_t n = 0; n < out; ++n) results[n] += bias[n];
}

using Float16 = float __attribute__((vector_size(64)));

inline __attribute__((always_inline)) Float16 load16(const float* at) {
  Float16 value;
  __builtin_memcpy(&value, at, sizeof value);
  return value;
}

// R rows with two outputs at once. Every dot product runs in the same order whatever R is.
template <std::size_t R>
inline __attribute__((always_inline)) void f32_tile(const float* x, const float* w, std::size_t in,
                                                    std::size_t out, std::size_t num_outputs,
                                                    float* y) {
  const float* second = num_outputs == 2 ? w + in : w;
  Float16 sums[R][2] = {};
  std::size_t k = 0;
  for (; k + 16 <= in; k += 16) {
    const Float16 first_weights = load16(w + k);
    const Float16 second_weights = load16(second + k);
    for (std::size_t m = 0; m < R; ++m) {
      const Float16 value = load16(x + m * in + k);
      sums[m][0] += value * first_weights;
      sums[m][1] += value * second_weights;
    }
  }
  for (std::size_t m = 0; m < R; ++m) {
    for (std::size_t n = 0; n < num_outputs; ++n) {
      float sum = 0.0F;
      for (int lane = 0; lane < 16; ++lane) sum += sums[m][n][lane];
      for (std::size_t rest = k; rest < in; ++rest) sum += x[m * in + rest] * w[n * in + rest];
      y[m * out + n] = sum;
    }
  }
}

void f32_plain(const float* x, std::size_t rows, const float* w, std::size_t in, std::size_t out,
               float* y) {
  for (std::size_t n = 0; n < out; n += 2) {
    const std::size_t num_outputs = out - n < 2 ? 1 : 2;
    std::size_t m = 0;
    for (; m + 2 <= rows; m += 2) {
      f32_tile<2>(x + m * in, w + n * in, in, out, num_outputs, y + m * out + n);
    }
    for (; m < rows; ++m) {
      f32_tile<1>(x + m * in, w + n * in, in, out, num_outputs, y + m * out + n);
    }
  }
}

void int8_row_plain(const std::uint8_t* x, const std::int8_t* w, std::size_t in, std::size_t out,
                    std::int32_t* sums) {
  for (std::size_t n = 0; n < out; ++n) {
    const std::int8_t* row = w + n * in;
    std::int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t k = 0; k < in; ++k) {
      sum += static_cast<std::int32_t>(x[k]) * static_cast<std::int32_t>(row[k]);
    }
    sums[n] = sum;
  }
}

#if defined(__AVX512VNNI__)
// N blocks of 64 outputs side by side: as many streams of weights keep more of the memory busy than
// one, which stalls at the end of every page.
template <std::size_t N>
void int8_blocks(const std::uint8_t* x, const std::int8_t* w, std::size_t groups,
                 std::int32_t* sums) {
  __m512i sum[N][4] = {};
  for (std::size_t g = 0; g < groups; ++g) {
    std::int32_t quad;
    __builtin_memcpy(&quad, x + 4 * g, sizeof quad);
    const __m512i inputs = _mm512_set1_epi32(quad);
    for (std::size_t n = 0; n < N; ++n) {
      const std::int8_t* at = w + (n * groups + g) * 256;
      for (std::size_t i = 0; i < 4; ++i) {
        sum[n][i] = _mm512_dpbusd_epi32(sum[n][i], inputs, _mm512_loadu_si512(at + 64 * i));
      }
    }
  }
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t i = 0; i < 4; ++i) _mm512_storeu_si512(sums + n * 64 + 16 * i, sum[n][i]);
  }
}

// Blocks that are summed at once, at most: their sums fill 24 of 32 registers. Long blocks keep
// the memory busy with fewer streams.
constexpr std::size_t kMostBlocks = 6;
constexpr std::size_t blocks_at_once(std::size_t groups) { return groups < 512 ? kMostBlocks : 4; }

void int8_row_blocked(const std::uint8_t* x, const std::int8_t* w, std::size_t in_padded,
                      std::size_t first, std::size_t last, std::int32_t* sums) {
  constexpr decltype(&int8_blocks<1>) kBySize[kMostBlocks] = {int8_blocks<1>, int8_blocks<2>,
                                                              int8_blocks<3>, int8_blocks<4>,
                                                              int8_blocks<5>, int8_blocks<6>};
  const std::size_t groups = in_padded / 4;
  const std::size_t most = blocks_at_once(groups);
  while (first < last) {
    // In rounds that differ by one at most: seven blocks are four and three, not six and one.
    const std::size_t rounds = (last - first + most - 1) / most;
    const std::size_t count = (last - first + rounds - 1) / rounds;
    kBySize[count - 1](x, w + first * groups * 256, groups, sums + first * 64);
    first += count;
  }
}

// R rows with one block of outputs; `next` is asked of memory meanwhile, as far as it is `groups`
// long.
template <std::size_t R>
void int8_rows_of_block(const Int8Rows& rows, std::size_t first_row, const std::int8_t* w,
                        std::size_t groups, const std::int8_t* next, std::int32_t* sums) {
  __m512i sum[R][4] = {};
  for (std::size_t g = 0; g < groups; ++g, w += 256, next += 256) {
    __m512i weights[4];
    for (std::size_t i = 0; i < 4; ++i) {
      weights[i] = _mm512_loadu_si512(w + 64 * i);
      _mm_prefetch(next + 64 * i, _MM_HINT_T1);
    }
    for (std::size_t r = 0; r < R; ++r) {
      std::int32_t quad;
      __builtin_memcpy(&quad, rows.x + (first_row + r) * rows.stride + 4 * g, sizeof quad);
      const __m512i inputs = _mm512_set1_epi32(quad);
      for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_dpbusd_epi32(sum[r][i], inputs, weights[i]);
    }
  }
  for (std::size_t r = 0; r < R; ++r) {
    std::int32_t* to = sums + (first_row + r) * rows.sums_stride;
    for (std::size_t i = 0; i < 4; ++i) _mm512_storeu_si512(to + 16 * i, sum[r][i]);
  }
}

// A block comes from memory for the first rows and from the cache for the others, while the next
// block is on its way.
void int8_rows_blocked(const Int8Rows& rows, const std::int8_t* w, std::size_t in_padded,
                       std::size_t first, std::size_t last, std::int32_t* sums) {
  constexpr std::size_t kMostRows = 4;
  constexpr decltype(&int8_rows_of_block<1>) kBySize[kMostRows] = {
      int8_rows_of_block<1>, int8_rows_of_block<2>, int8_rows_of_block<3>, int8_rows_of_block<4>};
  const std::size_t groups = in_padded / 4;
  for (std::size_t block = first; block < last; ++block) {
    const std::int8_t* weights = w + block * groups * 256;
    const std::int8_t* next = block + 1 < last ? weights + groups * 256 : weights;
    for (std::size_t row = 0; row < rows.count;) {
      const std::size_t rounds = (rows.count - row + kMostRows - 1) / kMostRows;
      const std::size_t count = (rows.count - row + rounds - 1) / rounds;
      kBySize[count - 1](rows, row, weights, groups, next, sums + block * 64);
      row += count;
    }
  }
}
#else
// NOLINTNEXTLINE(readability-identifier-naming)
constexpr decltype(Kernels::int8_rows_blocked) int8_rows_blocked = nullptr;
// Stands in the function's place.
// NOLINTNEXTLINE(readability-identifier-naming)
constexpr decltype(Kernels::int8_row_blocked) int8_row_blocked = nullptr;
#endif

void add_row(const float* row, float weight, std::size_t count, float* sums) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) sums[i] += weight * row[i];
}

void add_int8_row(const std::int8_t* row, float weight, std::size_t count, float* sums) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) sums[i] += weight * static_cast<float>(row[i]);
}

float dot_row(const float* a, const float* b, std::size_t count) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void adam_row(const AdamStep& step, const float* gradient, std::size_t count, const AdamRow& row) {
  const AdamStep s = step;
  float* parameters = row.parameters;
  float* means = row.means;
  float* squares = row.squares;
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    means[i] = s.beta1 * means[i] + (1.0F - s.beta1) * g;
    squares[i] = s.beta2 * squares[i] + (1.0F - s.beta2) * g * g;
    const float spread = __builtin_sqrtf(squares[i] * s.square_correction) + s.epsilon;
    parameters[i] -= s.rate * means[i] / spread;
  }
}

}  // namespace

extern const Kernels kKernels;
const Kernels kKernels{to_bf16,   split_bf16,     quantize_row,     finish_row,
                       f32_plain, int8_row_plain, int8_row_blocked, int8_rows_blocked,
                       add_row,   add_int8_row,   dot_row,          adam_row};

}  // namespace kith::tensor::KITH_KERNEL_NAMESPACE
// NOLINTEND(misc-definitions-in-headers)
