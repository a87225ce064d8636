#include "kith/engine/sharing_bench.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kith/base/clock.h"
#include "kith/engine/engine.h"

namespace kith::engine {
namespace {

using Tokens = std::vector<text::TokenId>;

// Room for all prompts and answers of the run.
int blocks_needed(const SharingBench& options) {
  const int prompts = (options.prefix_tokens + options.new_tokens) / nn::kBlockTokens + 1;
  const int answers = (options.context_tokens + options.answer_tokens) / nn::kBlockTokens + 2;
  return 2 * options.rounds * prompts + (options.rounds + 1) * (options.candidates + 1) * answers;
}

Result<double> time_answers(Engine& engine, Tokens prompt, int samples, int tokens) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.samples.assign(static_cast<std::size_t>(samples), SamplingParams{});
  request.max_tokens = tokens;
  const auto start = BenchClock::now();
  KITH_ASSIGN_OR_RETURN(const auto answers, engine.generate(std::move(request)));
  return seconds_since(start);
}

}  // namespace

Result<SharingResult> bench_sharing(std::shared_ptr<model::Decoder> decoder,
                                    const text::Tokenizer& tokenizer, const SharingBench& options) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const base::SystemClock clock;
  Engine engine(std::make_unique<DecoderStepModel>(decoder, blocks_needed(options)), tokenizer,
                clock, {.max_step_tokens = 512});
  std::uint64_t seed = 1;
  const auto draw = [&](int count) { return random_tokens(*decoder, count, ++seed); };
  SharingResult result{.candidates = options.candidates,
                       .one_seconds = kNever,
                       .candidates_seconds = kNever,
                       .prefix_tokens = options.prefix_tokens,
                       .new_tokens = options.new_tokens,
                       .first_seconds = kNever,
                       .second_seconds = kNever};
  for (int round = 0; round < options.rounds; ++round) {
    KITH_ASSIGN_OR_RETURN(const double one, time_answers(engine, draw(options.context_tokens), 1,
                                                         options.answer_tokens));
    KITH_ASSIGN_OR_RETURN(const double many,
                          time_answers(engine, draw(options.context_tokens), options.candidates,
                                       options.answer_tokens));
    Tokens prompt = draw(options.prefix_tokens + options.new_tokens);
    KITH_ASSIGN_OR_RETURN(const double first, time_answers(engine, prompt, 1, 1));
    const Tokens fresh = draw(options.new_tokens);
    std::copy(fresh.begin(), fresh.end(), prompt.end() - options.new_tokens);
    KITH_ASSIGN_OR_RETURN(const double second, time_answers(engine, prompt, 1, 1));
    result.one_seconds = std::min(result.one_seconds, one);
    result.candidates_seconds = std::min(result.candidates_seconds, many);
    result.first_seconds = std::min(result.first_seconds, first);
    result.second_seconds = std::min(result.second_seconds, second);
  }
  result.candidates_ratio = ratio_of(result.candidates_seconds, result.one_seconds);
  result.prefix_ratio = ratio_of(result.second_seconds, result.first_seconds);
  return result;
}

}  // namespace kith::engine
