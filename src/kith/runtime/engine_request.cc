#include "kith/runtime/engine_request.h"

namespace kith::runtime {

engine::SamplingParams to_engine(const personalize::SamplingParams& from) {
  engine::SamplingParams to;
  to.temperature = from.temperature.value_or(to.temperature);
  to.top_k = from.top_k.value_or(to.top_k);
  to.top_p = from.top_p.value_or(to.top_p);
  to.min_p = from.min_p.value_or(to.min_p);
  to.repetition_penalty = from.repetition_penalty.value_or(to.repetition_penalty);
  to.frequency_penalty = from.frequency_penalty.value_or(to.frequency_penalty);
  to.presence_penalty = from.presence_penalty.value_or(to.presence_penalty);
  to.seed = from.seed.value_or(to.seed);
  for (const auto& [token, bias] : from.logit_bias) {
    to.logit_bias.emplace_back(token, static_cast<float>(bias));
  }
  // Always asked for: the mean log-probability ranks the candidates.
  to.top_logprobs = from.wants_logprobs ? from.top_logprobs : 0;
  return to;
}

Result<std::shared_ptr<const model::SoftPrompt>> put_before(
    const std::shared_ptr<const personalize::SoftPrompt>& rows,
    std::vector<text::TokenId>& tokens) {
  if (rows == nullptr) return std::shared_ptr<const model::SoftPrompt>();
  auto prompt = model::SoftPrompt::create(rows->values, rows->width);
  if (!prompt) return std::move(prompt).error().with_context("kith.soft_prompt");
  std::vector<text::TokenId> soft;
  soft.reserve(tokens.size() + static_cast<std::size_t>((*prompt)->rows()));
  for (int row = 0; row < (*prompt)->rows(); ++row) soft.push_back(model::soft_token(row));
  soft.insert(soft.end(), tokens.begin(), tokens.end());
  tokens = std::move(soft);
  return prompt;
}

Status to_status(const engine::Finish& finish) {
  switch (finish.reason) {
    case engine::FinishReason::kStop:
    case engine::FinishReason::kLength:
      return {};
    case engine::FinishReason::kCancelled:
      return Error{ErrorCode::kCancelled, "cancelled"};
    case engine::FinishReason::kDeadline:
      return Error{ErrorCode::kDeadlineExceeded, "the deadline has passed"};
    case engine::FinishReason::kError:
      return Error{ErrorCode::kInternal, finish.error};
  }
  return {};
}

}  // namespace kith::runtime
