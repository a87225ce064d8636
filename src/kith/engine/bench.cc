#include "kith/engine/bench.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <numeric>
#include <thread>

#include "kith/base/clock.h"
#include "kith/base/rng.h"
#include "kith/engine/bandwidth.h"
#include "kith/engine/engine.h"

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

double ratio_of(double value, double base) { return base > 0.0 ? value / base : 0.0; }

void set_ratios(BenchResult& result) {
  result.ratio = ratio_of(result.weight_bytes_per_second, result.read_bandwidth);
  result.matmul_ratio = ratio_of(result.tokens_per_second, result.matmul_tokens_per_second);
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
    double best_matmul = 0.0;
    for (int round = 0; round < kRounds; ++round) {
      result.read_bandwidth = std::max(result.read_bandwidth, probe.measure());
      auto start = Clock::now();
      for (int i = 0; i < options.steps; ++i) {
        const auto chunks = sequences.chunks(options.context_tokens + i, 1);
        KITH_RETURN_IF_ERROR(decoder.forward(chunks, cache, logits));
      }
      best = std::max(best, options.steps / seconds_since(start));
      start = Clock::now();
      for (int i = 0; i < options.steps; ++i) {
        KITH_RETURN_IF_ERROR(decoder.multiply_only(batch, batch));
      }
      best_matmul = std::max(best_matmul, options.steps / seconds_since(start));
    }
    result.tokens_per_second = best * batch;
    result.matmul_tokens_per_second = best_matmul * batch;
    result.weight_bytes_per_second =
        best * static_cast<double>(decoder.weight_bytes_read_per_token());
    set_ratios(result);
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
    double best_matmul = 1e30;
    for (int round = 0; round < kRounds; ++round) {
      result.read_bandwidth = std::max(result.read_bandwidth, probe.measure());
      auto start = Clock::now();
      KITH_RETURN_IF_ERROR(decoder.forward(sequences.chunks(0, length), cache, logits));
      best_seconds = std::min(best_seconds, seconds_since(start));
      start = Clock::now();
      KITH_RETURN_IF_ERROR(decoder.multiply_only(length, 1));
      best_matmul = std::min(best_matmul, seconds_since(start));
    }
    result.tokens_per_second = length / best_seconds;
    result.matmul_tokens_per_second = length / best_matmul;
    result.weight_bytes_per_second =
        static_cast<double>(decoder.weight_bytes_read_per_token()) / best_seconds;
    set_ratios(result);
    results.push_back(result);
  }
  return results;
}

namespace {

// Users that decode on some number of adapters, ready to take steps.
class AdapterRun {
 public:
  AdapterRun(model::Decoder& decoder, int num_adapters,
             const std::vector<std::shared_ptr<const model::Adapter>>& adapters,
             const AdaptersBench& options)
      : decoder_(decoder),
        options_(options),
        sequences_(decoder, options.users, options.context_tokens + options.steps),
        cache_(decoder.make_cache(sequences_.total_blocks())) {
    for (int user = 0; user < options.users; ++user) {
      const auto adapter = static_cast<std::size_t>(num_adapters > 0 ? user % num_adapters : 0);
      shares_.push_back({num_adapters > 0 ? adapters[adapter].get() : nullptr, 1.0F});
    }
  }

  Status prefill() {
    for (int done = 0; done < options_.context_tokens;) {
      const int piece = std::min(64, options_.context_tokens - done);
      KITH_RETURN_IF_ERROR(step(done, piece));
      done += piece;
    }
    return {};
  }

  // Steps a second.
  Result<double> measure() {
    const auto start = Clock::now();
    for (int i = 0; i < options_.steps; ++i) {
      KITH_RETURN_IF_ERROR(step(options_.context_tokens + i, 1));
    }
    return options_.steps / seconds_since(start);
  }

 private:
  Status step(int position, int count) {
    auto chunks = sequences_.chunks(position, count);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (shares_[i].adapter != nullptr) chunks[i].adapters = {&shares_[i], 1};
    }
    return decoder_.forward(chunks, cache_, logits_);
  }

  model::Decoder& decoder_;
  const AdaptersBench& options_;
  Sequences sequences_;
  nn::KvCache cache_;
  std::vector<model::AdapterShare> shares_;
  std::vector<float> logits_;
};

}  // namespace

Result<std::vector<AdaptersResult>> bench_adapters(
    model::Decoder& decoder, const std::vector<std::shared_ptr<const model::Adapter>>& adapters,
    const AdaptersBench& options) {
  std::vector<std::unique_ptr<AdapterRun>> runs;
  std::vector<AdaptersResult> results;
  for (const int count : options.adapters) {
    if (count < 0 || static_cast<std::size_t>(count) > adapters.size()) {
      return Error{ErrorCode::kInvalidArgument, "the model has " + std::to_string(adapters.size()) +
                                                    " adapters, the measurement needs " +
                                                    std::to_string(count)};
    }
    runs.push_back(std::make_unique<AdapterRun>(decoder, count, adapters, options));
    KITH_RETURN_IF_ERROR(runs.back()->prefill());
    results.push_back(
        {.users = options.users, .adapters = count, .context_tokens = options.context_tokens});
  }
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      KITH_ASSIGN_OR_RETURN(const double steps, runs[i]->measure());
      results[i].tokens_per_second = std::max(results[i].tokens_per_second, steps * options.users);
    }
  }
  for (AdaptersResult& result : results) {
    result.ratio = ratio_of(result.tokens_per_second, results.front().tokens_per_second);
  }
  return results;
}

Result<SharingResult> bench_sharing(std::shared_ptr<model::Decoder> decoder,
                                    const text::Tokenizer& tokenizer, const SharingBench& options) {
  const base::SystemClock clock;
  const int blocks = (options.prefix_tokens + options.new_tokens) / nn::kBlockTokens * kRounds * 2 +
                     options.candidates * (options.context_tokens + options.answer_tokens);
  Engine engine(std::make_unique<DecoderStepModel>(decoder, blocks), tokenizer, clock,
                {.max_step_tokens = 512});
  base::Rng rng(1);
  const auto draw = [&](int count) {
    std::vector<text::TokenId> tokens;
    for (int i = 0; i < count; ++i) {
      tokens.push_back(static_cast<text::TokenId>(
          rng.below(static_cast<std::uint64_t>(decoder->config().vocab_size))));
    }
    return tokens;
  };
  const auto time = [&](std::vector<text::TokenId> prompt, int samples,
                        int tokens) -> Result<double> {
    GenerateRequest request;
    request.prompt = std::move(prompt);
    request.samples.assign(static_cast<std::size_t>(samples), SamplingParams{});
    request.max_tokens = tokens;
    const auto start = Clock::now();
    KITH_ASSIGN_OR_RETURN(const auto answers, engine.generate(std::move(request)));
    return seconds_since(start);
  };
  SharingResult result{.candidates = options.candidates,
                       .prefix_tokens = options.prefix_tokens,
                       .new_tokens = options.new_tokens};
  double one = 1e30;
  double many = 1e30;
  result.first_seconds = 1e30;
  result.second_seconds = 1e30;
  for (int round = 0; round < kRounds; ++round) {
    KITH_ASSIGN_OR_RETURN(const double single,
                          time(draw(options.context_tokens), 1, options.answer_tokens));
    KITH_ASSIGN_OR_RETURN(const double several, time(draw(options.context_tokens),
                                                     options.candidates, options.answer_tokens));
    one = std::min(one, single);
    many = std::min(many, several);
    auto prompt = draw(options.prefix_tokens + options.new_tokens);
    KITH_ASSIGN_OR_RETURN(const double first, time(prompt, 1, 1));
    const auto fresh = draw(options.new_tokens);
    std::copy(fresh.begin(), fresh.end(), prompt.end() - options.new_tokens);
    KITH_ASSIGN_OR_RETURN(const double second, time(prompt, 1, 1));
    result.first_seconds = std::min(result.first_seconds, first);
    result.second_seconds = std::min(result.second_seconds, second);
  }
  result.candidates_ratio = ratio_of(many, one);
  result.prefix_ratio = ratio_of(result.second_seconds, result.first_seconds);
  return result;
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
