#include "kith/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "kith/model/soft_prompt.h"
#include "kith/nn/softmax.h"

namespace kith::engine {
namespace {

Status require_range(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  // "%g" without a stream: 1e-05 style noise does not matter in an error message.
  return Error{ErrorCode::kInvalidArgument, std::string(name) + " must be in [" +
                                                std::to_string(low) + ", " + std::to_string(high) +
                                                "]: " + std::to_string(value)};
}

// Whether the adjusted logits differ from the model's.
bool changes_logits(const SamplingParams& params) {
  return params.repetition_penalty != 1.0 || params.frequency_penalty != 0.0 ||
         params.presence_penalty != 0.0 || !params.logit_bias.empty();
}

// Whether every token keeps a chance, so that no candidate list is needed.
bool keeps_all(const SamplingParams& params) {
  return params.top_k == 0 && params.top_p >= 1.0 && params.min_p <= 0.0;
}

std::size_t argmax(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

std::vector<TokenLogprob> most_likely(std::span<const float> logits, double normalizer, int count) {
  // The usual case by far, once a token: no list of the vocabulary is made for it.
  if (count == 0) return {};
  std::vector<text::TokenId> order(logits.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<text::TokenId>(i);
  const auto kept = std::min(order.size(), static_cast<std::size_t>(count));
  const auto more_likely = [&](text::TokenId a, text::TokenId b) {
    const float left = logits[static_cast<std::size_t>(a)];
    const float right = logits[static_cast<std::size_t>(b)];
    return left != right ? left > right : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    more_likely);
  std::vector<TokenLogprob> top(kept);
  for (std::size_t i = 0; i < kept; ++i) {
    const double logit = logits[static_cast<std::size_t>(order[i])];
    top[i] = {order[i], static_cast<float>(logit - normalizer)};
  }
  return top;
}

Status SamplingParams::validate() const {
  KITH_RETURN_IF_ERROR(require_range("temperature", temperature, 0.0, 2.0));
  if (top_k < 0) return Error{ErrorCode::kInvalidArgument, "top_k must not be negative"};
  if (!(top_p > 0.0 && top_p <= 1.0)) {
    return Error{ErrorCode::kInvalidArgument, "top_p must be in (0, 1]: " + std::to_string(top_p)};
  }
  if (!(min_p >= 0.0 && min_p < 1.0)) {
    return Error{ErrorCode::kInvalidArgument, "min_p must be in [0, 1): " + std::to_string(min_p)};
  }
  if (!(repetition_penalty > 0.0 && repetition_penalty <= 10.0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "repetition_penalty must be in (0, 10]: " + std::to_string(repetition_penalty)};
  }
  KITH_RETURN_IF_ERROR(require_range("frequency_penalty", frequency_penalty, -2.0, 2.0));
  KITH_RETURN_IF_ERROR(require_range("presence_penalty", presence_penalty, -2.0, 2.0));
  for (const auto& [token, bias] : logit_bias) {
    KITH_RETURN_IF_ERROR(require_range("logit_bias", static_cast<double>(bias), -100.0, 100.0));
    if (token < 0) return Error{ErrorCode::kInvalidArgument, "logit_bias names a negative token"};
  }
  return require_range("top_logprobs", top_logprobs, -1, 20);
}

double log_sum_exp(std::span<const float> logits) {
  const float largest = nn::logit_range(logits).largest;
  const auto sums = nn::exp_weights(logits, largest, 1.0F, {});
  return static_cast<double>(largest) + std::log(std::accumulate(sums.begin(), sums.end(), 0.0));
}

Sampler::Sampler(const SamplingParams& params, std::uint64_t stream,
                 std::span<const text::TokenId> prompt)
    : params_(params), rng_(params.seed ^ (stream * 0x9E3779B97F4A7C15ULL)) {
  if (params_.repetition_penalty == 1.0) return;
  for (const text::TokenId token : prompt) {
    if (!model::is_soft_token(token)) ++prompt_[token];
  }
}

Result<SampledToken> Sampler::sample(std::span<const float> logits,
                                     const grammar::TokenMask* allowed) {
  if (!nn::logit_range(logits).is_valid) {
    return Error{ErrorCode::kInternal, "the model's logits are not finite"};
  }
  if (allowed != nullptr) return sample_allowed(logits, *allowed);
  SampledToken result;
  if (changes_logits(params_)) {
    adjusted_.assign(logits.begin(), logits.end());
    apply_penalties(adjusted_);
    result.token = static_cast<text::TokenId>(draw(adjusted_));
  } else {
    result.token = static_cast<text::TokenId>(draw(logits));
  }
  if (params_.top_logprobs >= 0) {
    const double normalizer = log_sum_exp(logits);
    const double chosen = logits[static_cast<std::size_t>(result.token)];
    result.logprob = static_cast<float>(chosen - normalizer);
    result.top = most_likely(logits, normalizer, params_.top_logprobs);
  }
  ++generated_[result.token];
  return result;
}

void Sampler::apply_penalties(std::span<float> logits) const {
  const auto penalize_repetition = [&](text::TokenId token) {
    float& logit = logits[static_cast<std::size_t>(token)];
    const auto penalty = static_cast<float>(params_.repetition_penalty);
    logit = logit > 0.0F ? logit / penalty : logit * penalty;
  };
  if (params_.repetition_penalty != 1.0) {
    for (const auto& [token, count] : prompt_) penalize_repetition(token);
    for (const auto& [token, count] : generated_) {
      if (!prompt_.contains(token)) penalize_repetition(token);
    }
  }
  for (const auto& [token, count] : generated_) {
    logits[static_cast<std::size_t>(token)] -=
        static_cast<float>(params_.frequency_penalty * count + params_.presence_penalty);
  }
  for (const auto& [token, bias] : params_.logit_bias) {
    const auto index = static_cast<std::size_t>(token);
    if (index < logits.size()) logits[index] += bias;
  }
}

// Works on the allowed tokens alone: where a grammar allows few, this is faster than a draw from
// all.
Result<SampledToken> Sampler::sample_allowed(std::span<const float> logits,
                                             const grammar::TokenMask& allowed) {
  allowed_.resize(allowed.size());
  allowed_logits_.resize(allowed.size());
  std::size_t size = 0;
  allowed.for_each_run([&](text::TokenId first, std::size_t count) {
    const auto begin = std::min(static_cast<std::size_t>(first), logits.size());
    const auto run = logits.subspan(begin, std::min(count, logits.size() - begin));
    const auto at = static_cast<std::ptrdiff_t>(size);
    std::copy(run.begin(), run.end(), allowed_logits_.begin() + at);
    std::iota(allowed_.begin() + at, allowed_.begin() + at + std::ssize(run), first);
    size += run.size();
  });
  allowed_.resize(size);
  allowed_logits_.resize(size);
  const bool has_any = std::any_of(allowed_logits_.begin(), allowed_logits_.end(),
                                   [](float logit) { return logit > -INFINITY; });
  if (!has_any) {
    return Error{ErrorCode::kInternal, "the model gives no chance to any token that is allowed"};
  }
  SampledToken result;
  double normalizer = 0.0;
  if (params_.top_logprobs >= 0) {
    normalizer = log_sum_exp(allowed_logits_);
    result.top = most_likely(allowed_logits_, normalizer, params_.top_logprobs);
    for (TokenLogprob& top : result.top) top.token = allowed_[static_cast<std::size_t>(top.token)];
  }
  if (changes_logits(params_)) {
    adjusted_.assign(logits.begin(), logits.end());
    apply_penalties(adjusted_);
    for (std::size_t i = 0; i < allowed_.size(); ++i) {
      allowed_logits_[i] = adjusted_[static_cast<std::size_t>(allowed_[i])];
    }
  }
  result.token = allowed_[draw(allowed_logits_)];
  if (params_.top_logprobs >= 0) {
    const double chosen = logits[static_cast<std::size_t>(result.token)];
    result.logprob = static_cast<float>(chosen - normalizer);
  }
  ++generated_[result.token];
  return result;
}

std::size_t Sampler::draw(std::span<const float> logits) {
  if (params_.temperature == 0.0) return argmax(logits);
  // Where the inverse is infinite, the largest logit alone would not count.
  const auto scale = static_cast<float>(std::min(1.0 / params_.temperature, 1e30));
  weights_.resize(logits.size());
  const auto sums = nn::exp_weights(logits, nn::logit_range(logits).largest, scale, weights_);
  if (keeps_all(params_)) return draw_any(sums);
  keep_likely(std::accumulate(sums.begin(), sums.end(), 0.0));
  return draw_candidate();
}

// From weights_, whose blocks have these sums.
std::size_t Sampler::draw_any(std::span<const double> sums) {
  double remaining = rng_.uniform() * std::accumulate(sums.begin(), sums.end(), 0.0);
  std::size_t block = 0;
  for (; block + 1 < sums.size() && remaining >= sums[block]; ++block) remaining -= sums[block];
  std::size_t last = 0;
  for (std::size_t i = block * nn::kWeightBlock; i < weights_.size(); ++i) {
    if (weights_[i] <= 0.0F) continue;
    last = i;
    remaining -= static_cast<double>(weights_[i]);
    if (remaining < 0.0) return i;
  }
  // Rounding left a sliver at the end: the last that had a chance takes it.
  return weights_[last] > 0.0F ? last : argmax(weights_);
}

std::size_t Sampler::draw_candidate() {
  double total = 0.0;
  for (const Weighted& candidate : candidates_) total += static_cast<double>(candidate.weight);
  double remaining = rng_.uniform() * total;
  for (const Weighted& candidate : candidates_) {
    remaining -= static_cast<double>(candidate.weight);
    if (remaining < 0.0) return candidate.index;
  }
  return candidates_.back().index;
}

// Makes candidates_ of weights_: the top k of them, of these the fewest that make up top_p, of
// these all that have min_p of the best one's weight.
void Sampler::keep_likely(double total) {
  // Ties go to the smaller index, so that the result does not depend on the library's order.
  const auto before = [](const Weighted& a, const Weighted& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.index < b.index;
  };
  const auto k = static_cast<std::size_t>(params_.top_k);
  const bool has_top_k = k > 0 && k < weights_.size();
  // The best weight is 1. What all together cannot fill the rest beside top_p is never among the
  // fewest: without it, few of a vocabulary need to be sorted.
  double least = params_.min_p;
  if (!has_top_k) {
    least = std::max(least, (1.0 - params_.top_p) * total / static_cast<double>(weights_.size()));
  }
  candidates_.clear();
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] > 0.0F && static_cast<double>(weights_[i]) >= least) {
      candidates_.push_back({weights_[i], i});
    }
  }
  if (has_top_k && k < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(k),
                     candidates_.end(), before);
    candidates_.resize(k);
  }
  std::sort(candidates_.begin(), candidates_.end(), before);
  if (has_top_k) {
    total = 0.0;
    for (const Weighted& candidate : candidates_) total += static_cast<double>(candidate.weight);
  }
  double cumulative = 0.0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && cumulative < params_.top_p * total) {
    cumulative += static_cast<double>(candidates_[kept].weight);
    ++kept;
  }
  candidates_.resize(std::max<std::size_t>(kept, 1));
}

}  // namespace kith::engine
