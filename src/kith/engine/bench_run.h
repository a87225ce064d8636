// What the scenarios of `kith bench` share: sequences of random tokens that decode together, and
// the rounds in which what is compared takes turns, so that ratios mean something on a noisy
// machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"

namespace kith::engine {

// The best of so many rounds counts, unless the caller asks for another number.
inline constexpr int kBenchRounds = 5;
// Decoding steps of one measurement.
inline constexpr int kBenchSteps = 32;

using BenchClock = std::chrono::steady_clock;
double seconds_since(BenchClock::time_point start);

// value / base; 0 for a base that was not measured.
double ratio_of(double value, double base);

// `count` random tokens of the decoder's vocabulary, the same for the same seed.
std::vector<text::TokenId> random_tokens(const model::Decoder& decoder, int count,
                                         std::uint64_t seed);

// Sequences of random tokens with blocks of their own.
class BenchSequences {
 public:
  // `length` tokens each. REQUIRES: count >= 1, length >= 1.
  BenchSequences(const model::Decoder& decoder, int count, int length);

  // The next `count` tokens of every sequence, after `position`. Borrows.
  std::vector<model::Chunk> chunks(int position, int count) const;
  int total_blocks() const { return static_cast<int>(blocks_.size() * blocks_[0].size()); }

 private:
  std::vector<std::vector<text::TokenId>> tokens_;
  std::vector<std::vector<std::int32_t>> blocks_;
};

struct BenchLoad {
  int sequences = 1;
  // In the cache before the measurement.
  int context_tokens = 128;
  // Of one measurement.
  int steps = kBenchSteps;
};

// Sequences that decode together, each on an adapter or on none. Used by one thread.
class DecodeRun {
 public:
  // Sequence i is on adapters[i modulo their number]. The decoder and the adapters are borrowed.
  DecodeRun(model::Decoder& decoder, const BenchLoad& load,
            std::span<const model::Adapter* const> adapters = {});

  // Fills the cache with the context. Errors: those of Decoder::forward().
  Status prefill();
  // Decodes load.steps tokens of every sequence after the context, the same ones every time.
  // Returns tokens a second over all sequences. Errors: those of Decoder::forward().
  Result<double> measure();

 private:
  Status step(int position, int count);

  model::Decoder& decoder_;
  const BenchLoad load_;
  BenchSequences sequences_;
  nn::KvCache cache_;
  std::vector<model::AdapterShare> shares_;  // one a sequence, or none
  std::vector<float> logits_;
};

}  // namespace kith::engine
