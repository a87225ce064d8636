#include "kith/engine/bench.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <numeric>
#include <thread>

#include "kith/base/rng.h"
#include "kith/engine/bandwidth.h"

namespace kith::engine {
namespace {

constexpr int kRounds = 5;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Sequences of random tokens with blocks of their own.
struct Sequences {
  Sequences(const model::Decoder& decoder, int count, int length)
      : tokens(static_cast<std::size_t>(count)), blocks(static_cast<std::size_t>(count)) {
    base::Rng rng(1);
    const int blocks_each = (length + nn::kBlockTokens - 1) / nn::kBlockTokens;
    const auto vocab = static_cast<std::uint64_t>(decoder.config().vocab_size);
    for (std::size_t s = 0; s < tokens.size(); ++s) {
      for (int i = 0; i < length; ++i) {
        tokens[s].push_back(static_cast<text::TokenId>(rng.below(vocab)));
      }
      blocks[s].resize(static_cast<std::size_t>(blocks_each));
      std::iota(blocks[s].begin(), blocks[s].end(), static_cast<int>(s) * blocks_each);
    }
  }

  // The next `count` tokens of every sequence, after `position`.
  std::vector<model::Chunk> chunks(int position, int count) const {
    std::vector<model::Chunk> out;
    for (std::size_t s = 0; s < tokens.size(); ++s) {
      const auto part = std::span(tokens[s]).subspan(static_cast<std::size_t>(position),
                                                     static_cast<std::size_t>(count));
      out.push_back({.tokens = part, .position = position, .blocks = blocks[s]});
    }
    return out;
  }

  int total_blocks() const { return static_cast<int>(blocks.size() * blocks[0].size()); }

  std::vector<std::vector<text::TokenId>> tokens;
  std::vector<std::vector<std::int32_t>> blocks;
};

void set_ratio(BenchResult& result) {
  result.ratio =
      result.read_bandwidth > 0.0 ? result.weight_bytes_per_second / result.read_bandwidth : 0.0;
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace

BenchMachine describe_machine() {
  std::string isa;
  const auto add = [&isa](bool has, const char* name) {
    if (has) isa += (isa.empty() ? "" : ",") + std::string(name);
  };
  add(__builtin_cpu_supports("avx512bf16"), "avx512_bf16");
  add(__builtin_cpu_supports("avx512vnni"), "avx512_vnni");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx2"), "avx2");
  return {.cpu = cpu_name(),
          .cores = static_cast<int>(std::thread::hardware_concurrency()),
          .isa = isa};
}

Result<std::vector<BenchResult>> bench_decode(model::Decoder& decoder, const DecodeBench& options) {
  const BandwidthProbe probe(options.threads);
  std::vector<BenchResult> results;
  std::vector<float> logits;
  for (const int batch : options.batches) {
    const Sequences sequences(decoder, batch, options.context_tokens + options.steps);
    nn::KvCache cache = decoder.make_cache(sequences.total_blocks());
    for (int done = 0; done < options.context_tokens;) {
      const int piece = std::min(64, options.context_tokens - done);
      KITH_RETURN_IF_ERROR(decoder.forward(sequences.chunks(done, piece), cache, logits));
      done += piece;
    }
    BenchResult result{.batch = batch, .context_tokens = options.context_tokens};
    double best = 0.0;
    for (int round = 0; round < kRounds; ++round) {
      result.read_bandwidth = std::max(result.read_bandwidth, probe.measure());
      const auto start = Clock::now();
      for (int i = 0; i < options.steps; ++i) {
        const auto chunks = sequences.chunks(options.context_tokens + i, 1);
        KITH_RETURN_IF_ERROR(decoder.forward(chunks, cache, logits));
      }
      best = std::max(best, options.steps / seconds_since(start));
    }
    result.tokens_per_second = best * batch;
    result.weight_bytes_per_second =
        best * static_cast<double>(decoder.weight_bytes_read_per_token());
    set_ratio(result);
    results.push_back(result);
  }
  return results;
}

Result<std::vector<BenchResult>> bench_prefill(model::Decoder& decoder,
                                               const PrefillBench& options) {
  const BandwidthProbe probe(options.threads);
  std::vector<BenchResult> results;
  std::vector<float> logits;
  for (const int length : options.lengths) {
    const Sequences sequences(decoder, 1, length);
    nn::KvCache cache = decoder.make_cache(sequences.total_blocks());
    BenchResult result{.batch = 1, .context_tokens = length};
    double best_seconds = 1e30;
    for (int round = 0; round < kRounds; ++round) {
      result.read_bandwidth = std::max(result.read_bandwidth, probe.measure());
      const auto start = Clock::now();
      KITH_RETURN_IF_ERROR(decoder.forward(sequences.chunks(0, length), cache, logits));
      best_seconds = std::min(best_seconds, seconds_since(start));
    }
    result.tokens_per_second = length / best_seconds;
    result.weight_bytes_per_second =
        static_cast<double>(decoder.weight_bytes_read_per_token()) / best_seconds;
    set_ratio(result);
    results.push_back(result);
  }
  return results;
}

Result<MemoryResult> bench_memory(const std::filesystem::path& dir,
                                  const model::DecoderOptions& options) {
  const auto start = Clock::now();
  KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(dir, options));
  MemoryResult result;
  result.load_seconds = seconds_since(start);
  result.resident_bytes = resident_bytes();
  result.weight_bytes = decoder->weight_bytes();
  result.kv_bytes_per_token = decoder->cache_shape().block_bytes() / nn::kBlockTokens;
  return result;
}

}  // namespace kith::engine
