#include "kith/engine/bandwidth.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace kith::engine {
namespace {

// Keeps the compiler from dropping the loads.
std::atomic<std::uint64_t> sink{0};

// Reads [data, data + size) as `kStreams` sequential streams, which keeps as many pages open.
template <std::size_t kStreams>
__attribute__((target("avx512f"))) void read_avx512(const unsigned char* data, std::size_t size) {
  const std::size_t stride = size / kStreams / 64 * 64;
  __m512i sums[kStreams];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < stride; i += 64) {
    for (std::size_t s = 0; s < kStreams; ++s) {
      const auto* line = data + s * stride + i;
      sums[s] = _mm512_or_si512(sums[s], _mm512_loadu_si512(line));
    }
  }
  for (const auto& sum : sums) {
    sink += static_cast<std::uint64_t>(_mm512_reduce_or_epi64(sum));
  }
}

template <std::size_t kStreams>
__attribute__((target("avx2"))) void read_avx2(const unsigned char* data, std::size_t size) {
  const std::size_t stride = size / kStreams / 64 * 64;
  __m256i sums[kStreams];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < stride; i += 32) {
    for (std::size_t s = 0; s < kStreams; ++s) {
      const auto* line = data + s * stride + i;
      sums[s] =
          _mm256_or_si256(sums[s], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line)));
    }
  }
  for (const auto& sum : sums) {
    sink += static_cast<std::uint64_t>(_mm256_extract_epi64(sum, 0));
  }
}

using Reader = void (*)(const unsigned char*, std::size_t);

double time_readers(Reader reader, int threads, const std::vector<unsigned char>& buffer) {
  const std::size_t share = buffer.size() / static_cast<std::size_t>(threads);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) {
    others.emplace_back(reader, buffer.data() + static_cast<std::size_t>(t) * share, share);
  }
  reader(buffer.data(), share);
  for (auto& thread : others) thread.join();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return static_cast<double>(share * static_cast<std::size_t>(threads)) / elapsed.count();
}

}  // namespace

BandwidthProbe::BandwidthProbe(int threads, std::size_t bytes)
    : threads_(threads), buffer_(bytes, 1) {}

double BandwidthProbe::measure() const {
  const bool wide = __builtin_cpu_supports("avx512f");
  const std::vector<Reader> readers =
      wide ? std::vector<Reader>{read_avx512<1>, read_avx512<4>, read_avx512<8>}
           : std::vector<Reader>{read_avx2<1>, read_avx2<4>, read_avx2<8>};
  double best = 0.0;
  for (const Reader reader : readers)
    best = std::max(best, time_readers(reader, threads_, buffer_));
  return best;
}

}  // namespace kith::engine
