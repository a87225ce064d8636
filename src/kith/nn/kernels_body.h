// The kernels of kernels.h on vectors of sixteen floats, which the compiler splits where registers
// are shorter. Included once by each kernels_*.cc, which names the namespace and is compiled for
// one instruction set. No function of another header may be called here: the linker could then keep
// a copy of it that other CPUs cannot run.
//
// Every sum runs in an order that depends on the sizes of the model alone. That is what makes a
// row's result independent of the batch it is computed in.
#include "kith/nn/kernels.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

#define KITH_INLINE inline __attribute__((always_inline))

// It is code, not declarations.
// NOLINTBEGIN(misc-definitions-in-headers)
namespace kith::nn::KITH_KERNEL_NAMESPACE {
namespace {

using Float16 = float __attribute__((vector_size(64)));
using Float8 = float __attribute__((vector_size(32)));
using Float4 = float __attribute__((vector_size(16)));
using Int16 = std::int32_t __attribute__((vector_size(64)));
using Word16 = std::uint32_t __attribute__((vector_size(64)));
using Half16 = std::uint16_t __attribute__((vector_size(32)));

KITH_INLINE Float16 load(const float* at) {
  Float16 value;
  __builtin_memcpy(&value, at, sizeof value);
  return value;
}

// The two 16-bit formats as types, so that a template can tell them apart.
struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

KITH_INLINE Word16 load_halves(const void* at) {
  Half16 bits;
  __builtin_memcpy(&bits, at, sizeof bits);
  return __builtin_convertvector(bits, Word16);
}

KITH_INLINE Float16 load(const Bf16* at) {
  return __builtin_bit_cast(Float16, load_halves(at) << 16);
}

KITH_INLINE Float16 load(const F16* at) {
#if defined(__AVX512F__)
  return __builtin_bit_cast(
      Float16, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))));
#elif defined(__F16C__)
  const auto* halves = reinterpret_cast<const __m128i*>(at);
  const __m256 both[2] = {_mm256_cvtph_ps(_mm_loadu_si128(halves)),
                          _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
  return __builtin_bit_cast(Float16, both);
#else
  // Shifted into place, exponent and mantissa are those of the value times 2^-112, also for
  // subnormals.
  const Word16 wide = load_halves(at);
  const Float16 magnitude = __builtin_bit_cast(Float16, (wide & 0x7FFFU) << 13) * 0x1p112F;
  return __builtin_bit_cast(Float16,
                            __builtin_bit_cast(Word16, magnitude) | ((wide & 0x8000U) << 16));
#endif
}

KITH_INLINE void store(float* at, Float16 value) { __builtin_memcpy(at, &value, sizeof value); }

// a * b + c, rounded once where the CPU can. Said outright where the compiler would fuse or not by
// the code around it, and one row would get other bits than another.
KITH_INLINE Float16 multiply_add(Float16 a, Float16 b, Float16 c) {
#if defined(__AVX512F__)
  return __builtin_bit_cast(
      Float16, _mm512_fmadd_ps(__builtin_bit_cast(__m512, a), __builtin_bit_cast(__m512, b),
                               __builtin_bit_cast(__m512, c)));
#elif defined(__FMA__)
  struct Halves {
    __m256 low, high;
  };
  const auto x = __builtin_bit_cast(Halves, a);
  const auto y = __builtin_bit_cast(Halves, b);
  const auto z = __builtin_bit_cast(Halves, c);
  return __builtin_bit_cast(Float16, Halves{_mm256_fmadd_ps(x.low, y.low, z.low),
                                            _mm256_fmadd_ps(x.high, y.high, z.high)});
#else
  return a * b + c;
#endif
}

// Two bf16 numbers, the first in the low half.
struct Bf16Pair {
  std::uint32_t bits;
};

KITH_INLINE Half16 round_to_bf16(Float16 value) {
  const Word16 bits = __builtin_bit_cast(Word16, value);
  const Word16 rounded = bits + 0x7FFFU + ((bits >> 16) & 1U);
  const Word16 kept = value == value ? rounded : Word16{} + 0x7FC00000U;
  return __builtin_convertvector(kept >> 16, Half16);
}

// Rounded to nearest even. Fills whole vectors: `out` has room for count rounded up to sixteen, and
// may be where `in` is.
KITH_INLINE void round_to_bf16(const float* in, std::size_t count, void* out) {
  auto* to = static_cast<char*>(out);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const Half16 halves = round_to_bf16(load(in + i));
    __builtin_memcpy(to + 2 * i, &halves, sizeof halves);
  }
  if (i == count) return;
  float rest[16] = {};
  __builtin_memcpy(rest, in + i, (count - i) * sizeof(float));
  const Half16 halves = round_to_bf16(load(rest));
  __builtin_memcpy(to + 2 * i, &halves, sizeof halves);
}

// sums[i] + x[i].first y.first + x[i].second y.second
KITH_INLINE Float16 add_products(Float16 sums, Word16 x, Bf16Pair y) {
#if defined(__AVX512BF16__)
  return __builtin_bit_cast(
      Float16, _mm512_dpbf16_ps(__builtin_bit_cast(__m512, sums), __builtin_bit_cast(__m512bh, x),
                                __builtin_bit_cast(__m512bh, Word16{} + y.bits)));
#else
  const Float16 first = __builtin_bit_cast(Float16, x << 16);
  const Float16 second = __builtin_bit_cast(Float16, x & 0xFFFF0000U);
  const auto y_first = __builtin_bit_cast(float, y.bits << 16);
  const auto y_second = __builtin_bit_cast(float, y.bits & 0xFFFF0000U);
  sums = multiply_add(second, Float16{} + y_second, sums);
  return multiply_add(first, Float16{} + y_first, sums);
#endif
}

KITH_INLINE Word16 load_words(const void* at) {
  Word16 words;
  __builtin_memcpy(&words, at, sizeof words);
  return words;
}

KITH_INLINE Bf16Pair load_pair(const void* pairs, std::size_t index) {
  Bf16Pair pair;
  __builtin_memcpy(&pair, static_cast<const char*>(pairs) + index * sizeof pair, sizeof pair);
  return pair;
}

KITH_INLINE float scalar(const float* at) { return *at; }
KITH_INLINE float scalar(const Bf16* at) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(at->bits) << 16);
}

// Halves are added to halves, so that the order is the same for every register width.
KITH_INLINE float sum_lanes(Float16 value) {
  struct Eights {
    Float8 low, high;
  };
  struct Fours {
    Float4 low, high;
  };
  const auto eights = __builtin_bit_cast(Eights, value);
  const auto fours = __builtin_bit_cast(Fours, eights.low + eights.high);
  const Float4 four = fours.low + fours.high;
  return (four[0] + four[2]) + (four[1] + four[3]);
}

// e^x by 2^n e^r with |r| <= ln(2)/2 and a Taylor polynomial of degree 6 (relative error 2e-7).
// Arguments below -87 give e^-87, which is zero beside any sum that holds e^0.
KITH_INLINE Float16 exp16(Float16 x) {
  const Float16 low = Float16{} - 87.0F;
  const Float16 high = Float16{} + 88.0F;
  x = x < low ? low : x;
  x = x > high ? high : x;
  const Float16 magic = Float16{} + 12582912.0F;
  const Float16 shifted = x * 1.44269504F + magic;
  const Float16 n = shifted - magic;
  const Float16 r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Float16 p = r * (1.0F / 720.0F) + (1.0F / 120.0F);
  p = p * r + (1.0F / 24.0F);
  p = p * r + (1.0F / 6.0F);
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const Int16 exponent = __builtin_convertvector(n, Int16) + 127;
  return p * __builtin_bit_cast(Float16, exponent << 23);
}

void rms_norm(const float* in, const float* weight, std::size_t count, float eps, float* out) {
  Float16 squares{};
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) squares += load(in + i) * load(in + i);
  float sum = sum_lanes(squares);
  for (; i < count; ++i) sum += in[i] * in[i];
  const float inverse = 1.0F / __builtin_sqrtf(sum / static_cast<float>(count) + eps);
  for (i = 0; i + 16 <= count; i += 16) store(out + i, load(in + i) * inverse * load(weight + i));
  for (; i < count; ++i) out[i] = in[i] * inverse * weight[i];
}

KITH_INLINE Float16 silu_times(Float16 gate, Float16 up) {
  return gate * up / (exp16(-gate) + 1.0F);
}

// Two passes, so that a large mean costs no digits of the variance.
void layer_norm(const float* in, const LayerNormWeights& weights, float* out) {
  const std::size_t count = weights.count;
  const std::size_t whole = count / 16 * 16;
  const float inverse_count = 1.0F / static_cast<float>(count);
  Float16 sums{};
  for (std::size_t i = 0; i < whole; i += 16) sums += load(in + i);
  float sum = sum_lanes(sums);
  for (std::size_t i = whole; i < count; ++i) sum += in[i];
  const float mean = sum * inverse_count;
  Float16 squares{};
  for (std::size_t i = 0; i < whole; i += 16) {
    const Float16 difference = load(in + i) - mean;
    squares += difference * difference;
  }
  float square = sum_lanes(squares);
  for (std::size_t i = whole; i < count; ++i) square += (in[i] - mean) * (in[i] - mean);
  const float inverse = 1.0F / __builtin_sqrtf(square * inverse_count + weights.eps);
  for (std::size_t i = 0; i < whole; i += 16) {
    store(out + i,
          (load(in + i) - mean) * inverse * load(weights.weight + i) + load(weights.bias + i));
  }
  for (std::size_t i = whole; i < count; ++i) {
    out[i] = (in[i] - mean) * inverse * weights.weight[i] + weights.bias[i];
  }
}

// x Phi(x), where Phi's smaller tail is erfc(|x| / sqrt 2) / 2 by Abramowitz and Stegun 7.1.26
// (absolute error 1.5e-7, less where the tail is thin).
KITH_INLINE Float16 gelu16(Float16 x) {
  const Float16 zero{};
  const Float16 magnitude = x < zero ? -x : x;
  const Float16 t = 1.0F / (magnitude * (0.3275911F * 0.70710678F) + 1.0F);
  Float16 p = t * 1.061405429F - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const Float16 tail = p * t * exp16(x * x * -0.5F) * 0.5F;
  return x * (x < zero ? tail : 1.0F - tail);
}

void gelu(float* values, std::size_t count) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) store(values + i, gelu16(load(values + i)));
  if (i == count) return;
  float lanes[16] = {};
  const std::size_t rest = (count - i) * sizeof(float);
  __builtin_memcpy(lanes, values + i, rest);
  store(lanes, gelu16(load(lanes)));
  __builtin_memcpy(values + i, lanes, rest);
}

void swiglu(const float* gate, const float* up, std::size_t count, float* out) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) store(out + i, silu_times(load(gate + i), load(up + i)));
  if (i == count) return;
  float lanes[3][16] = {};
  const std::size_t rest = (count - i) * sizeof(float);
  __builtin_memcpy(lanes[0], gate + i, rest);
  __builtin_memcpy(lanes[1], up + i, rest);
  store(lanes[2], silu_times(load(lanes[0]), load(lanes[1])));
  __builtin_memcpy(out + i, lanes[2], rest);
}

void add(const float* x, std::size_t count, float* y) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) y[i] += x[i];
}

bool largest(const float* in, std::size_t count, float* result) {
  const float infinity = __builtin_inff();
  Float16 top = Float16{} - infinity;
  Int16 bad{};
  std::size_t i = 0;
  // Comparisons give 0 or -1; that with a NaN is false.
  for (; i + 16 <= count; i += 16) {
    const Float16 value = load(in + i);
    const Int16 is_below = value < Float16{} + infinity;
    bad |= ~is_below;
    top = value > top ? value : top;
  }
  bool is_valid = true;
  float most = -infinity;
  for (int lane = 0; lane < 16; ++lane) {
    is_valid = is_valid && bad[lane] == 0;
    most = top[lane] > most ? top[lane] : most;
  }
  for (; i < count; ++i) {
    is_valid = is_valid && in[i] < infinity;
    most = in[i] > most ? in[i] : most;
  }
  *result = most;
  return is_valid;
}

KITH_INLINE Float16 weight16(Float16 value, float top, float scale) {
  const Float16 x = (value - top) * scale;
  return x >= Float16{} - 87.0F ? exp16(x) : Float16{};
}

float exp_weights(const float* in, std::size_t count, float top, float scale, float* out) {
  Float16 sums{};
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const Float16 weight = weight16(load(in + i), top, scale);
    if (out != nullptr) store(out + i, weight);
    sums += weight;
  }
  float sum = sum_lanes(sums);
  if (i == count) return sum;
  float lanes[16];
  for (float& lane : lanes) lane = -__builtin_inff();
  const std::size_t rest = (count - i) * sizeof(float);
  __builtin_memcpy(lanes, in + i, rest);
  const Float16 weight = weight16(load(lanes), top, scale);
  store(lanes, weight);
  if (out != nullptr) __builtin_memcpy(out + i, lanes, rest);
  return sum + sum_lanes(weight);
}

KITH_INLINE std::uint16_t half_of(float value) {
  value = value > 65504.0F ? 65504.0F : value;
  value = value < -65504.0F ? -65504.0F : value;
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude < 0x38800000U) {
    // Subnormal in f16, a multiple of 2^-24: adding 0.5 leaves the count in the low mantissa bits.
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign |
                                      (__builtin_bit_cast(std::uint32_t, shifted) - 0x3F000000U));
  }
  const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13));
}

void to_f16(const float* in, std::size_t count, std::uint16_t* out) {
  std::size_t i = 0;
#if defined(__AVX512F__)
  const __m512 limit = _mm512_set1_ps(65504.0F);
  const __m512 negative_limit = _mm512_set1_ps(-65504.0F);
  for (; i + 16 <= count; i += 16) {
    const __m512 clamped =
        _mm512_max_ps(negative_limit, _mm512_min_ps(limit, _mm512_loadu_ps(in + i)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm512_cvtps_ph(clamped, _MM_FROUND_TO_NEAREST_INT));
  }
#endif
  for (; i < count; ++i) out[i] = half_of(in[i]);
}

// Asks memory for what a loop over this block's keys will want next: a line of the block's values
// and of the next block's keys. Blocks are too short for the CPU to guess them.
KITH_INLINE void prefetch_line(const AttentionTile& tile, std::size_t block, std::size_t last_block,
                               std::size_t line) {
  const std::size_t next = block < last_block ? block + 1 : block;
  __builtin_prefetch(static_cast<const char*>(tile.values[block]) + 64 * line, 0, 2);
  __builtin_prefetch(static_cast<const char*>(tile.keys[next]) + 64 * line, 0, 2);
}

// Scores of one block of sixteen keys for Q queries. Even and odd elements are summed apart: one
// chain of multiply-adds would wait for itself. With kFetch, what comes next is asked of memory.
template <std::size_t Q, bool kFetch, typename T>
KITH_INLINE void block_scores(const AttentionTile& tile, std::size_t stride, std::size_t block,
                              std::size_t last_block) {
  Float16 even[Q] = {};
  Float16 odd[Q] = {};
  const T* keys = static_cast<const T*>(tile.keys[block]);
  const auto dim = static_cast<std::size_t>(tile.head_dim);
  for (std::size_t d = 0; d + 2 <= dim; d += 2) {
    if constexpr (kFetch) {
      constexpr std::size_t kLines = 2 * 16 * sizeof(T) / 64;
      for (std::size_t line = 0; line < kLines; ++line) {
        prefetch_line(tile, block, last_block, d / 2 * kLines + line);
      }
    }
    const Float16 first = load(keys + d * 16);
    const Float16 second = load(keys + d * 16 + 16);
    for (std::size_t q = 0; q < Q; ++q) {
      even[q] += first * tile.queries[q][d];
      odd[q] += second * tile.queries[q][d + 1];
    }
  }
  for (std::size_t q = 0; q < Q; ++q) {
    store(tile.scores + q * stride + block * 16, even[q] + odd[q]);
  }
}

// Adds the products of a pair of elements of sixteen keys and of Q queries.
template <std::size_t Q>
KITH_INLINE void add_pair(const char* keys, const std::uint16_t* queries, std::size_t query_stride,
                          std::size_t pair, Float16* sums) {
  const Word16 words = load_words(keys + pair * sizeof words);
  for (std::size_t q = 0; q < Q; ++q) {
    sums[q] = add_products(sums[q], words, load_pair(queries + q * query_stride, pair));
  }
}

// Queries as bf16, [Q][value_stride], wait where the sums will be.
KITH_INLINE std::uint16_t* bf16_queries(const AttentionTile& tile) {
  return reinterpret_cast<std::uint16_t*>(tile.sums);
}

// Scores of bf16 keys, which lie in pairs of elements.
template <std::size_t Q, bool kFetch>
KITH_INLINE void block_scores_bf16(const AttentionTile& tile, std::size_t stride, std::size_t block,
                                   std::size_t last_block) {
  const std::uint16_t* queries = bf16_queries(tile);
  Float16 even[Q] = {};
  Float16 odd[Q] = {};
  const auto* keys = static_cast<const char*>(tile.keys[block]);
  const auto query_stride = static_cast<std::size_t>(tile.value_stride);
  const std::size_t pairs = static_cast<std::size_t>(tile.head_dim) / 2;
  std::size_t pair = 0;
  for (; pair + 2 <= pairs; pair += 2) {
    if constexpr (kFetch) {
      prefetch_line(tile, block, last_block, pair);
      prefetch_line(tile, block, last_block, pair + 1);
    }
    add_pair<Q>(keys, queries, query_stride, pair, even);
    add_pair<Q>(keys, queries, query_stride, pair + 1, odd);
  }
  if (pair < pairs) add_pair<Q>(keys, queries, query_stride, pair, even);
  for (std::size_t q = 0; q < Q; ++q) {
    store(tile.scores + q * stride + block * 16, even[q] + odd[q]);
  }
}

// e^(scale (score - largest)) of the scores [begin, length), in place; the others of [first, end)
// become 0. `first` and `end` are multiples of 16. Zeros before `begin` leave the sums as they are,
// bit for bit. Returns what makes the sum of all one.
KITH_INLINE float softmax(float* scores, float scale, std::size_t begin, std::size_t length,
                          std::size_t first, std::size_t end) {
  const float lowest = -3.0e38F;
  for (std::size_t i = first; i < begin; ++i) scores[i] = lowest;
  for (std::size_t i = length; i < (length + 15) / 16 * 16; ++i) scores[i] = lowest;
  Float16 largest = Float16{} + lowest;
  for (std::size_t i = first; i < length; i += 16) {
    const Float16 value = load(scores + i);
    largest = value > largest ? value : largest;
  }
  float lanes[16];
  __builtin_memcpy(lanes, &largest, sizeof lanes);
  float top = lanes[0];
  for (int i = 1; i < 16; ++i) top = lanes[i] > top ? lanes[i] : top;
  Float16 total{};
  for (std::size_t i = first; i < length; i += 16) {
    Float16 value = load(scores + i);
    // Masked scores must become exactly zero, not e^-87.
    value = value > lowest ? exp16((value - top) * scale) : Float16{};
    store(scores + i, value);
    total += value;
  }
  for (std::size_t i = (length + 15) / 16 * 16; i < end; ++i) scores[i] = 0.0F;
  return 1.0F / sum_lanes(total);
}

// Tokens [first, longest) that some query of a tile sees, and the floats between the scores of two
// queries. What lies behind `longest` belongs to an earlier sequence and is not read.
struct Seen {
  std::size_t first;
  std::size_t longest;
  std::size_t stride;
};

// Weighted sum of values, for `kWidth` vectors of the head starting at `column`. The weights of
// query q are to be multiplied with inverse[q].
template <std::size_t Q, std::size_t kWidth, typename T>
KITH_INLINE void sum_values(const AttentionTile& tile, const Seen& seen, const float* inverse,
                            std::size_t column) {
  const auto value_stride = static_cast<std::size_t>(tile.value_stride);
  Float16 sums[Q][kWidth] = {};
  for (std::size_t token = seen.first; token < seen.longest; ++token) {
    const T* values =
        static_cast<const T*>(tile.values[token / 16]) + token % 16 * value_stride + column;
    Float16 value[kWidth];
    for (std::size_t w = 0; w < kWidth; ++w) value[w] = load(values + 16 * w);
    for (std::size_t q = 0; q < Q; ++q) {
      const float p = tile.scores[q * seen.stride + token];
      for (std::size_t w = 0; w < kWidth; ++w) sums[q][w] += value[w] * p;
    }
  }
  for (std::size_t q = 0; q < Q; ++q) {
    for (std::size_t w = 0; w < kWidth; ++w) {
      store(tile.sums + q * value_stride + column + 16 * w, sums[q][w] * inverse[q]);
    }
  }
}

// The same of bf16 values, which lie in pairs of tokens, with weights of bf16 where the scores
// were.
template <std::size_t Q, std::size_t kWidth>
KITH_INLINE void sum_values_bf16(const AttentionTile& tile, const Seen& seen, const float* inverse,
                                 std::size_t column) {
  const auto value_stride = static_cast<std::size_t>(tile.value_stride);
  Float16 sums[Q][kWidth] = {};
  for (std::size_t token = seen.first / 2 * 2; token < seen.longest; token += 2) {
    const auto* values = static_cast<const char*>(tile.values[token / 16]) +
                         (token % 16 / 2 * value_stride + column) * sizeof(Bf16Pair);
    const std::uint32_t mask = token + 1 < seen.longest ? 0xFFFFFFFFU : 0x0000FFFFU;
    Word16 value[kWidth];
    for (std::size_t w = 0; w < kWidth; ++w) value[w] = load_words(values + 64 * w) & mask;
    for (std::size_t q = 0; q < Q; ++q) {
      const Bf16Pair p = load_pair(tile.scores + q * seen.stride, token / 2);
      for (std::size_t w = 0; w < kWidth; ++w) sums[q][w] = add_products(sums[q][w], value[w], p);
    }
  }
  for (std::size_t q = 0; q < Q; ++q) {
    for (std::size_t w = 0; w < kWidth; ++w) {
      store(tile.sums + q * value_stride + column + 16 * w, sums[q][w] * inverse[q]);
    }
  }
}

KITH_INLINE Seen seen_by(const AttentionTile& tile, std::size_t queries) {
  int longest = 0;
  int first = tile.begins[0];
  for (std::size_t q = 0; q < queries; ++q) {
    longest = tile.lengths[q] > longest ? tile.lengths[q] : longest;
    first = tile.begins[q] < first ? tile.begins[q] : first;
  }
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(longest),
          static_cast<std::size_t>((longest + 15) / 16 * 16)};
}

// Softmax of every query's scores; `inverse` gets what their weights are to be multiplied with.
KITH_INLINE void weigh(const AttentionTile& tile, std::size_t queries, const Seen& seen,
                       float* inverse) {
  for (std::size_t q = 0; q < queries; ++q) {
    inverse[q] =
        softmax(tile.scores + q * seen.stride, tile.scale, static_cast<std::size_t>(tile.begins[q]),
                static_cast<std::size_t>(tile.lengths[q]), seen.first / 16 * 16, seen.stride);
  }
}

KITH_INLINE void copy_results(const AttentionTile& tile, std::size_t queries) {
  for (std::size_t q = 0; q < queries; ++q) {
    __builtin_memcpy(tile.results[q], tile.sums + q * static_cast<std::size_t>(tile.value_stride),
                     static_cast<std::size_t>(tile.head_dim) * sizeof(float));
  }
}

KITH_INLINE void round_queries(const AttentionTile& tile, std::size_t queries) {
  for (std::size_t q = 0; q < queries; ++q) {
    round_to_bf16(tile.queries[q], static_cast<std::size_t>(tile.head_dim),
                  bf16_queries(tile) + q * static_cast<std::size_t>(tile.value_stride));
  }
}

// The weights become bf16, each where its score was.
KITH_INLINE void round_weights(const AttentionTile& tile, std::size_t queries, const Seen& seen) {
  const std::size_t begin = seen.first / 16 * 16;
  for (std::size_t q = 0; q < queries; ++q) {
    float* row = tile.scores + q * seen.stride;
    round_to_bf16(row + begin, seen.stride - begin, reinterpret_cast<std::uint16_t*>(row) + begin);
  }
}

// Whether keys and values of this type lie in pairs, to be multiplied as bf16.
template <typename T>
constexpr bool kIsPaired = false;
template <>
constexpr bool kIsPaired<Bf16> = true;

template <std::size_t Q, bool kFetch, typename T>
KITH_INLINE void all_scores(const AttentionTile& tile, const Seen& seen) {
  const std::size_t blocks = seen.stride / 16;
  for (std::size_t block = seen.first / 16; block < blocks; ++block) {
    if constexpr (kIsPaired<T>) {
      block_scores_bf16<Q, kFetch>(tile, seen.stride, block, blocks - 1);
    } else {
      block_scores<Q, kFetch, T>(tile, seen.stride, block, blocks - 1);
    }
  }
}

template <std::size_t Q, std::size_t kWidth, typename T>
KITH_INLINE void sum_columns(const AttentionTile& tile, const Seen& seen, const float* inverse,
                             std::size_t column) {
  if constexpr (kIsPaired<T>) {
    sum_values_bf16<Q, kWidth>(tile, seen, inverse, column);
  } else {
    sum_values<Q, kWidth, T>(tile, seen, inverse, column);
  }
}

template <std::size_t Q, typename T>
void attend(const AttentionTile& tile) {
  const Seen seen = seen_by(tile, Q);
  if constexpr (kIsPaired<T>) round_queries(tile, Q);
  if (tile.is_cold) {
    all_scores<Q, true, T>(tile, seen);
  } else {
    all_scores<Q, false, T>(tile, seen);
  }
  float inverse[Q];
  weigh(tile, Q, seen, inverse);
  if constexpr (kIsPaired<T>) round_weights(tile, Q, seen);
  const auto width = static_cast<std::size_t>(tile.value_stride);
  std::size_t column = 0;
  for (; column + 64 <= width; column += 64) sum_columns<Q, 4, T>(tile, seen, inverse, column);
  for (; column < width; column += 16) sum_columns<Q, 1, T>(tile, seen, inverse, column);
  copy_results(tile, Q);
}

template <typename T>
void attention(const AttentionTile& tile) {
  switch (tile.num_queries) {
    case 1:
      return attend<1, T>(tile);
    case 2:
      return attend<2, T>(tile);
    case 3:
      return attend<3, T>(tile);
    default:
      return attend<4, T>(tile);
  }
}

#if defined(__AMX_BF16__)
// The shapes of the tile registers, as the CPU reads them.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  KITH_INLINE void set(std::size_t tile, std::size_t num_rows, std::size_t bytes) {
    rows[tile] = static_cast<std::uint8_t>(num_rows);
    row_bytes[tile] = static_cast<std::uint16_t>(bytes);
  }
};

// GCC's tile loads do not say that they read memory: what is stored before must be there.
KITH_INLINE void load_shapes(const TileShapes& shapes) {
  asm volatile("" ::: "memory");
  _tile_loadconfig(&shapes);
}

// Scores of all keys for up to sixteen queries, a block of sixteen keys and 32 elements at a time.
KITH_INLINE void scores_amx(const AttentionTile& tile, std::size_t queries, const Seen& seen) {
  const auto dim = static_cast<std::size_t>(tile.head_dim);
  const std::size_t whole = dim / 32 * 32;
  const std::size_t rest = dim - whole;
  TileShapes shapes;
  shapes.set(0, queries, 64);
  shapes.set(1, queries, 64);
  shapes.set(2, 16, 64);
  if (rest > 0) {
    shapes.set(3, queries, 2 * rest);
    shapes.set(4, rest / 2, 64);
  }
  load_shapes(shapes);
  const std::uint16_t* rounded = bf16_queries(tile);
  const std::size_t query_bytes = 2 * static_cast<std::size_t>(tile.value_stride);
  const std::size_t blocks = seen.stride / 16;
  for (std::size_t block = seen.first / 16; block < blocks; ++block) {
    const auto* keys = static_cast<const std::uint16_t*>(tile.keys[block]);
    for (std::size_t line = 0; tile.is_cold && line < dim / 2; ++line) {
      prefetch_line(tile, block, blocks - 1, line);
    }
    _tile_zero(0);
    for (std::size_t d = 0; d < whole; d += 32) {
      _tile_loadd(1, rounded + d, query_bytes);
      _tile_loadd(2, keys + d * 16, 64);
      _tile_dpbf16ps(0, 1, 2);
    }
    if (rest > 0) {
      _tile_loadd(3, rounded + whole, query_bytes);
      _tile_loadd(4, keys + whole * 16, 64);
      _tile_dpbf16ps(0, 3, 4);
    }
    _tile_stored(0, tile.scores + block * 16, seen.stride * sizeof(float));
  }
}

// The pairs of values of a block for kWidth vectors of the head from `column` on, those of unseen
// tokens zero: nobody has written them.
template <std::size_t kWidth>
KITH_INLINE void copy_seen(const AttentionTile& tile, const Seen& seen, std::size_t column,
                           std::uint32_t* out) {
  const auto* values = static_cast<const std::uint32_t*>(tile.values[seen.longest / 16]) + column;
  const std::size_t num_seen = seen.longest % 16;
  for (std::size_t pair = 0; pair < 8; ++pair) {
    const std::size_t left = num_seen > 2 * pair ? num_seen - 2 * pair : 0;
    const std::uint32_t mask = left == 0 ? 0U : left == 1 ? 0xFFFFU : 0xFFFFFFFFU;
    for (std::size_t w = 0; w < kWidth; ++w) {
      const Word16 words =
          load_words(values + pair * static_cast<std::size_t>(tile.value_stride) + 16 * w) & mask;
      __builtin_memcpy(out + (pair * kWidth + w) * 16, &words, sizeof words);
    }
  }
}

// Weighted sums of kWidth (4 or 1) vectors of the values from `column` on.
template <std::size_t kWidth>
KITH_INLINE void values_amx(const AttentionTile& tile, const Seen& seen, std::size_t column) {
  alignas(64) std::uint32_t last[8 * kWidth * 16];
  const std::size_t whole = seen.longest / 16;
  const bool is_cut = seen.longest % 16 != 0;
  if (is_cut) copy_seen<kWidth>(tile, seen, column, last);
  asm volatile("" ::: "memory");
  _tile_zero(0);
  if constexpr (kWidth == 4) {
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const auto* weights = reinterpret_cast<const std::uint16_t*>(tile.scores);
  for (std::size_t block = seen.first / 16; block < whole + (is_cut ? 1 : 0); ++block) {
    const bool is_whole = block < whole;
    const std::uint32_t* values =
        is_whole ? static_cast<const std::uint32_t*>(tile.values[block]) + column : last;
    const std::size_t row_bytes =
        4 * (is_whole ? static_cast<std::size_t>(tile.value_stride) : kWidth * 16);
    _tile_loadd(4, weights + block * 16, seen.stride * sizeof(float));
    _tile_loadd(5, values, row_bytes);
    _tile_dpbf16ps(0, 4, 5);
    if constexpr (kWidth == 4) {
      _tile_loadd(6, values + 16, row_bytes);
      _tile_dpbf16ps(1, 4, 6);
      _tile_loadd(7, values + 32, row_bytes);
      _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(5, values + 48, row_bytes);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  const std::size_t sum_bytes = 4 * static_cast<std::size_t>(tile.value_stride);
  float* sums = tile.sums + column;
  _tile_stored(0, sums, sum_bytes);
  if constexpr (kWidth == 4) {
    _tile_stored(1, sums + 16, sum_bytes);
    _tile_stored(2, sums + 32, sum_bytes);
    _tile_stored(3, sums + 48, sum_bytes);
  }
}

// Each row of a tile is summed as if it were alone, in the order of elements or tokens.
void attention_amx(const AttentionTile& tile) {
  const auto queries = static_cast<std::size_t>(tile.num_queries);
  const Seen seen = seen_by(tile, queries);
  round_queries(tile, queries);
  scores_amx(tile, queries, seen);
  float inverse[kMaxQueryTile];
  weigh(tile, queries, seen, inverse);
  round_weights(tile, queries, seen);
  TileShapes shapes;
  for (std::size_t sums = 0; sums < 4; ++sums) shapes.set(sums, queries, 64);
  shapes.set(4, queries, 32);
  for (std::size_t values = 5; values < 8; ++values) shapes.set(values, 8, 64);
  load_shapes(shapes);
  const auto width = static_cast<std::size_t>(tile.value_stride);
  std::size_t column = 0;
  for (; column + 64 <= width; column += 64) values_amx<4>(tile, seen, column);
  for (; column < width; column += 16) values_amx<1>(tile, seen, column);
  _tile_release();
  for (std::size_t q = 0; q < queries; ++q) {
    for (std::size_t i = 0; i < width; i += 16) {
      store(tile.sums + q * width + i, load(tile.sums + q * width + i) * inverse[q]);
    }
  }
  copy_results(tile, queries);
}
#endif

// t[i] = scale * sum_k a[i, k] x[k] for R rows of A at once: x is read once for all, and their
// chains of multiply-adds run side by side.
template <std::size_t R, typename T>
KITH_INLINE void project_down(const T* a, const float* x, std::size_t in, float scale, float* t) {
  Float16 sums[R] = {};
  std::size_t k = 0;
  for (; k + 16 <= in; k += 16) {
    const Float16 value = load(x + k);
    for (std::size_t r = 0; r < R; ++r) sums[r] += load(a + r * in + k) * value;
  }
  for (std::size_t r = 0; r < R; ++r) {
    float sum = sum_lanes(sums[r]);
    for (std::size_t rest = k; rest < in; ++rest) sum += scalar(a + r * in + rest) * x[rest];
    t[r] = scale * sum;
  }
}

// y[n .. n + 16 kWidth) += sum_r t[r] b[r, n ..)
template <std::size_t kWidth, typename T>
KITH_INLINE void add_update(const T* b, const float* t, float* y, int rank, std::size_t out) {
  Float16 sums[kWidth] = {};
  for (int r = 0; r < rank; ++r) {
    const T* row = b + static_cast<std::size_t>(r) * out;
    for (std::size_t w = 0; w < kWidth; ++w) sums[w] += load(row + 16 * w) * t[r];
  }
  for (std::size_t w = 0; w < kWidth; ++w) store(y + 16 * w, load(y + 16 * w) + sums[w]);
}

template <typename T>
void lora_down(const T* a, const float* x, int rank, std::size_t in, float scale, float* t) {
  int r = 0;
  for (; r + 4 <= rank; r += 4) {
    project_down<4>(a + static_cast<std::size_t>(r) * in, x, in, scale, t + r);
  }
  for (; r < rank; ++r) {
    project_down<1>(a + static_cast<std::size_t>(r) * in, x, in, scale, t + r);
  }
}

template <typename T>
void lora_up(const T* b, const float* t, int rank, std::size_t stride, std::size_t count,
             float* y) {
  std::size_t n = 0;
  for (; n + 64 <= count; n += 64) add_update<4>(b + n, t, y + n, rank, stride);
  for (; n + 16 <= count; n += 16) add_update<1>(b + n, t, y + n, rank, stride);
  for (; n < count; ++n) {
    float sum = 0.0F;
    for (int r = 0; r < rank; ++r)
      sum += t[r] * scalar(b + static_cast<std::size_t>(r) * stride + n);
    y[n] += sum;
  }
}

void lora_down_bf16(const std::uint16_t* a, const float* x, int rank, std::size_t in, float scale,
                    float* t) {
  lora_down(reinterpret_cast<const Bf16*>(a), x, rank, in, scale, t);
}

void lora_up_bf16(const std::uint16_t* b, const float* t, int rank, std::size_t stride,
                  std::size_t count, float* y) {
  lora_up(reinterpret_cast<const Bf16*>(b), t, rank, stride, count, y);
}

float quantize_signed(const float* in, std::size_t count, std::size_t padded, std::int8_t* out,
                      std::int32_t* sum) {
  float largest = 0.0F;
#pragma omp simd reduction(max : largest)
  for (std::size_t i = 0; i < count; ++i) {
    const float size = __builtin_fabsf(in[i]);
    largest = size > largest ? size : largest;
  }
  const float scale = largest / 127.0F;
  const float inverse = scale > 1e-37F ? 1.0F / scale : 0.0F;
  // Adding 1.5 * 2^23 rounds to nearest even and leaves the integer in the low bits.
  constexpr float kMagic = 12582912.0F;
  std::int32_t total = 0;
#pragma omp simd reduction(+ : total)
  for (std::size_t i = 0; i < count; ++i) {
    const float shifted = in[i] * inverse + kMagic;
    const std::int32_t value = __builtin_bit_cast(std::int32_t, shifted) - 0x4B400000;
    out[i] = static_cast<std::int8_t>(value);
    total += static_cast<std::int8_t>(value);
  }
  for (std::size_t i = count; i < padded; ++i) out[i] = 0;
  *sum = total;
  return inverse > 0.0F ? scale : 0.0F;
}

// Four bytes of x for each of `kLanes` ranks or outputs, whose weights lie side by side, added into
// lanes of 32 bits.
#if defined(__AVX512VNNI__)
KITH_INLINE std::int32_t four_bytes(const std::int8_t* at) {
  std::int32_t word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}
template <std::size_t kLanes>
struct Lanes;
template <>
struct Lanes<16> {
  __m512i sums = _mm512_setzero_si512();
  KITH_INLINE void add(const std::uint8_t* weights, const std::int8_t* x) {
    sums = _mm512_dpbusd_epi32(sums, _mm512_loadu_si512(weights), _mm512_set1_epi32(four_bytes(x)));
  }
  KITH_INLINE void add(const Lanes& other) { sums = _mm512_add_epi32(sums, other.sums); }
  KITH_INLINE void store(std::int32_t* at) const { _mm512_storeu_si512(at, sums); }
};
template <>
struct Lanes<8> {
  __m256i sums = _mm256_setzero_si256();
  KITH_INLINE void add(const std::uint8_t* weights, const std::int8_t* x) {
    sums = _mm256_dpbusd_epi32(sums, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)),
                               _mm256_set1_epi32(four_bytes(x)));
  }
  KITH_INLINE void add(const Lanes& other) { sums = _mm256_add_epi32(sums, other.sums); }
  KITH_INLINE void store(std::int32_t* at) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), sums);
  }
};
template <>
struct Lanes<4> {
  __m128i sums = _mm_setzero_si128();
  KITH_INLINE void add(const std::uint8_t* weights, const std::int8_t* x) {
    sums = _mm_dpbusd_epi32(sums, _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)),
                            _mm_set1_epi32(four_bytes(x)));
  }
  KITH_INLINE void add(const Lanes& other) { sums = _mm_add_epi32(sums, other.sums); }
  KITH_INLINE void store(std::int32_t* at) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at), sums);
  }
};
#else
template <std::size_t kLanes>
struct Lanes {
  std::int32_t sums[kLanes] = {};
  KITH_INLINE void add(const std::uint8_t* weights, const std::int8_t* x) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      for (std::size_t i = 0; i < 4; ++i) sums[lane] += weights[lane * 4 + i] * x[i];
    }
  }
  KITH_INLINE void add(const Lanes& other) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += other.sums[lane];
  }
  KITH_INLINE void store(std::int32_t* at) const { __builtin_memcpy(at, sums, sizeof sums); }
};
#endif

// One tile of ranks for R rows. Integers: the order of the sums does not matter, so two chains run
// side by side.
template <std::size_t R, std::size_t kLanes>
KITH_INLINE void down_tile(const std::uint8_t* a, const std::int8_t* const* x, std::size_t in4,
                           std::size_t stride, std::int32_t* sums) {
  Lanes<kLanes> even[R];
  Lanes<kLanes> odd[R];
  std::size_t k = 0;
  for (; k + 8 <= in4; k += 8) {
    for (std::size_t r = 0; r < R; ++r) {
      even[r].add(a + k * kLanes, x[r] + k);
      odd[r].add(a + (k + 4) * kLanes, x[r] + k + 4);
    }
  }
  for (std::size_t r = 0; r < R; ++r) {
    if (k < in4) even[r].add(a + k * kLanes, x[r] + k);
    even[r].add(odd[r]);
    even[r].store(sums + r * stride);
  }
}

template <std::size_t R>
void down_int8(const std::uint8_t* a, const std::int8_t* const* x, std::size_t in4,
               std::size_t rank4, std::int32_t* sums) {
  std::size_t r = 0;
  for (; r + 16 <= rank4; r += 16) down_tile<R, 16>(a + r * in4, x, in4, rank4, sums + r);
  for (; r + 8 <= rank4; r += 8) down_tile<R, 8>(a + r * in4, x, in4, rank4, sums + r);
  for (; r < rank4; r += 4) down_tile<R, 4>(a + r * in4, x, in4, rank4, sums + r);
}

void lora_down_int8(const std::uint8_t* a, const std::int8_t* const* x, std::size_t num_rows,
                    std::size_t in4, std::size_t rank4, std::int32_t* sums) {
  switch (num_rows) {
    case 1:
      return down_int8<1>(a, x, in4, rank4, sums);
    case 2:
      return down_int8<2>(a, x, in4, rank4, sums);
    case 3:
      return down_int8<3>(a, x, in4, rank4, sums);
    default:
      return down_int8<4>(a, x, in4, rank4, sums);
  }
}

// Sixteen outputs of R rows; `count` of them are written.
template <std::size_t R>
KITH_INLINE void up_tile(const std::uint8_t* b, const LoraUp& up, std::size_t n,
                         std::size_t count) {
  Lanes<16> lanes[R];
  for (std::size_t r = 0; r < up.rank4; r += 4) {
    for (std::size_t i = 0; i < R; ++i) lanes[i].add(b + r * 16, up.t[i] + r);
  }
  for (std::size_t i = 0; i < R; ++i) {
    Int16 sums;
    lanes[i].store(reinterpret_cast<std::int32_t*>(&sums));
    const Float16 product = __builtin_convertvector(sums - 128 * up.sums[i], Float16);
    const Float16 scale = Float16{} + up.scales[i];
    if (count == 16) {
      store(up.y[i] + n, multiply_add(product, scale, load(up.y[i] + n)));
      continue;
    }
    float rest[16] = {};
    __builtin_memcpy(rest, up.y[i] + n, count * sizeof(float));
    store(rest, multiply_add(product, scale, load(rest)));
    __builtin_memcpy(up.y[i] + n, rest, count * sizeof(float));
  }
}

template <std::size_t R>
void up_int8(const std::uint8_t* b, const LoraUp& up) {
  for (std::size_t n = 0; n < up.count; n += 16) {
    up_tile<R>(b + n * up.rank4, up, n, up.count - n < 16 ? up.count - n : 16);
  }
}

void lora_up_int8(const std::uint8_t* b, const LoraUp& up) {
  switch (up.num_rows) {
    case 1:
      return up_int8<1>(b, up);
    case 2:
      return up_int8<2>(b, up);
    case 3:
      return up_int8<3>(b, up);
    default:
      return up_int8<4>(b, up);
  }
}

}  // namespace

extern const Kernels kKernels;
const Kernels kKernels {
  .rms_norm = rms_norm, .layer_norm = layer_norm, .swiglu = swiglu, .gelu = gelu, .add = add,
  .largest = largest, .exp_weights = exp_weights, .to_f16 = to_f16,
  .attention_f32 = attention<float>, .attention_f16 = attention<F16>,
#if defined(__AMX_BF16__)
  .attention_bf16 = attention_amx, .bf16_query_tile = kMaxQueryTile,
#else
  .attention_bf16 = attention<Bf16>, .bf16_query_tile = 4,
#endif
  .lora_down_f32 = lora_down<float>, .lora_down_bf16 = lora_down_bf16,
  .lora_up_f32 = lora_up<float>, .lora_up_bf16 = lora_up_bf16, .quantize_signed = quantize_signed,
  .lora_down_int8 = lora_down_int8, .lora_up_int8 = lora_up_int8
};

}  // namespace kith::nn::KITH_KERNEL_NAMESPACE
// NOLINTEND(misc-definitions-in-headers)

#undef KITH_INLINE
