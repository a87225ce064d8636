#include "kith/engine/bench_run.h"

#include <algorithm>
#include <numeric>

#include "kith/base/rng.h"

namespace kith::engine {
namespace {

// Rows of one step of the prefill, as the engine's steps have them.
constexpr int kPrefillRows = 256;

}  // namespace

double seconds_since(BenchClock::time_point start) {
  return std::chrono::duration<double>(BenchClock::now() - start).count();
}

double ratio_of(double value, double base) { return base > 0.0 ? value / base : 0.0; }

std::vector<text::TokenId> random_tokens(const model::Decoder& decoder, int count,
                                         std::uint64_t seed) {
  base::Rng rng(seed);
  const auto vocab = static_cast<std::uint64_t>(decoder.config().vocab_size);
  std::vector<text::TokenId> tokens(static_cast<std::size_t>(count));
  for (text::TokenId& token : tokens) token = static_cast<text::TokenId>(rng.below(vocab));
  return tokens;
}

BenchSequences::BenchSequences(const model::Decoder& decoder, int count, int length)
    : tokens_(static_cast<std::size_t>(count)), blocks_(static_cast<std::size_t>(count)) {
  const int blocks_each = (length + nn::kBlockTokens - 1) / nn::kBlockTokens;
  for (std::size_t s = 0; s < tokens_.size(); ++s) {
    tokens_[s] = random_tokens(decoder, length, s + 1);
    blocks_[s].resize(static_cast<std::size_t>(blocks_each));
    std::iota(blocks_[s].begin(), blocks_[s].end(), static_cast<int>(s) * blocks_each);
  }
}

std::vector<model::Chunk> BenchSequences::chunks(int position, int count) const {
  std::vector<model::Chunk> out;
  for (std::size_t s = 0; s < tokens_.size(); ++s) {
    const auto part =
        std::span(tokens_[s])
            .subspan(static_cast<std::size_t>(position), static_cast<std::size_t>(count));
    out.push_back({.tokens = part, .position = position, .blocks = blocks_[s]});
  }
  return out;
}

DecodeRun::DecodeRun(model::Decoder& decoder, const BenchLoad& load,
                     std::span<const model::Adapter* const> adapters)
    : decoder_(decoder),
      load_(load),
      sequences_(decoder, load.sequences, load.context_tokens + load.steps),
      cache_(decoder.make_cache(sequences_.total_blocks())) {
  if (adapters.empty()) return;
  for (std::size_t i = 0; i < static_cast<std::size_t>(load.sequences); ++i) {
    shares_.push_back({adapters[i % adapters.size()], 1.0F});
  }
}

Status DecodeRun::prefill() {
  const int most = std::max(1, kPrefillRows / load_.sequences);
  for (int done = 0; done < load_.context_tokens;) {
    const int piece = std::min(most, load_.context_tokens - done);
    KITH_RETURN_IF_ERROR(step(done, piece));
    done += piece;
  }
  return {};
}

Result<double> DecodeRun::measure() {
  const auto start = BenchClock::now();
  for (int i = 0; i < load_.steps; ++i) {
    KITH_RETURN_IF_ERROR(step(load_.context_tokens + i, 1));
  }
  return load_.steps * load_.sequences / seconds_since(start);
}

Status DecodeRun::step(int position, int count) {
  auto chunks = sequences_.chunks(position, count);
  for (std::size_t i = 0; i < shares_.size(); ++i) chunks[i].adapters = {&shares_[i], 1};
  return decoder_.forward(chunks, cache_, logits_);
}

}  // namespace kith::engine
