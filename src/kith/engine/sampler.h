// Draws the next token of one sequence from the model's logits.
//
// Order: repetition penalty (Keskar et al. 2019), frequency and presence penalties and logit bias
// as in the OpenAI API, then temperature, top-k, top-p (Holtzman et al. 2020) and min-p (Nguyen et
// al. 2024), each on what the one before left. Reported log-probabilities are the model's own,
// before all of that; under a grammar, among the tokens that it allows.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kith/base/result.h"
#include "kith/base/rng.h"
#include "kith/grammar/token_mask.h"
#include "kith/text/token.h"

namespace kith::engine {

struct SamplingParams {
  // In [0, 2]; 0 is greedy.
  double temperature = 1.0;
  // Keep the k most likely tokens; 0 keeps all.
  int top_k = 0;
  // Keep the smallest set of tokens with at least this probability, in (0, 1].
  double top_p = 1.0;
  // Drop tokens less likely than this share of the most likely one, in [0, 1).
  double min_p = 0.0;
  // Divides positive and multiplies negative logits of tokens seen in prompt or answer; in (0, 10],
  // 1 is off.
  double repetition_penalty = 1.0;
  // Subtracted per occurrence / once for tokens of the answer so far, in [-2, 2].
  double frequency_penalty = 0.0;
  double presence_penalty = 0.0;
  // Added to logits; values in [-100, 100].
  std::vector<std::pair<text::TokenId, float>> logit_bias;
  std::uint64_t seed = 0;
  // Number of alternatives to report with each token, in [0, 20]; -1 reports no log-probabilities.
  int top_logprobs = -1;

  // Errors: kInvalidArgument naming the parameter and its range.
  Status validate() const;
};

struct TokenLogprob {
  text::TokenId token = 0;
  // Natural logarithm of the model's probability.
  float logprob = 0.0F;
};

struct SampledToken {
  text::TokenId token = 0;
  // Under the model's own distribution; 0 unless asked for.
  float logprob = 0.0F;
  // The most likely tokens, best first; at most SamplingParams::top_logprobs.
  std::vector<TokenLogprob> top;
};

// log(sum(exp(logits))), computed without overflow. REQUIRES: logits not empty and finite.
double log_sum_exp(std::span<const float> logits);

// The `count` most likely tokens, best first, ties by id.
//   normalizer: log_sum_exp(logits)
std::vector<TokenLogprob> most_likely(std::span<const float> logits, double normalizer, int count);

// The state of one sequence: its generator and the tokens it has seen. Not thread-safe.
class Sampler {
 public:
  // `stream` separates the draws of several answers to one prompt under one seed.
  // REQUIRES: params.validate().
  Sampler(const SamplingParams& params, std::uint64_t stream,
          std::span<const text::TokenId> prompt);

  // Draws a token and counts it as seen.
  //   logits: [vocab_size]
  //   allowed: the tokens to draw from; null for all. What it leaves out has no probability.
  // Errors: kInternal if a logit is not a number, none is above minus infinity, or none is allowed.
  Result<SampledToken> sample(std::span<const float> logits,
                              const grammar::TokenMask* allowed = nullptr);

 private:
  struct Weighted {
    float weight;
    std::size_t index;
  };

  Result<SampledToken> sample_allowed(std::span<const float> logits,
                                      const grammar::TokenMask& allowed);
  void apply_penalties(std::span<float> logits) const;
  // The place of the one drawn.
  std::size_t draw(std::span<const float> logits);
  std::size_t draw_any(std::span<const double> sums);
  std::size_t draw_candidate();
  void keep_likely(double total);

  SamplingParams params_;
  base::Rng rng_;
  std::unordered_map<text::TokenId, int> generated_;
  std::unordered_map<text::TokenId, int> prompt_;
  // Scratch, kept to save allocations: [vocab_size].
  std::vector<float> adjusted_;
  std::vector<float> weights_;
  std::vector<Weighted> candidates_;
  // Of the allowed tokens: [num_allowed].
  std::vector<text::TokenId> allowed_;
  std::vector<float> allowed_logits_;
};

}  // namespace kith::engine
