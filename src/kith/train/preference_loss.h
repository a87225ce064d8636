// What preference tuning minimises, as functions of summed log-probabilities.
//
// DPO (Rafailov et al., 2023, equation 7) learns from pairs: with h = beta * (log-ratio of the
// chosen answer - log-ratio of the rejected one), where a log-ratio is log pi(y|x) - log
// pi_ref(y|x),
//   loss = -(1 - e) log sigmoid(h) - e log sigmoid(-h),
// where e is the share of pairs that are believed to be labelled wrongly (Mitchell, 2023, "cDPO").
// Length-normalised (Lambert et al., 2024, section 5.1), each log-ratio is divided by the tokens of
// its answer; beta is then larger, about 5.
//
// KTO (Ethayarajh et al., 2024, equation 8) learns from single answers that were liked or not:
//   loss = w_up (1 - sigmoid(beta (r - z)))  or  w_down (1 - sigmoid(beta (z - r))),
// where r is the log-ratio and z estimates the KL divergence of the policy from the reference.
#pragma once

#include <torch/torch.h>

namespace kith::train {

struct DpoOptions {
  // Strength of the tie to the reference, > 0.
  double beta = 0.1;
  // In [0, 0.5).
  double label_smoothing = 0.0;
  bool length_normalised = false;
  // Of the chosen answer's mean negative log-likelihood a token, added to the loss (Pang et al.,
  // 2024); >= 0. Keeps the chosen answers themselves likely.
  double sft_weight = 0.0;
};

// All [pairs], one floating dtype. Summed over the answer's tokens.
struct PairLogProbabilities {
  torch::Tensor chosen;
  torch::Tensor rejected;
  torch::Tensor reference_chosen;
  torch::Tensor reference_rejected;
  // Tokens of the answers, > 0.
  torch::Tensor chosen_tokens;
  torch::Tensor rejected_tokens;
};

// The h of each pair: positive where the policy prefers the chosen answer more than the reference
// does.  returns: [pairs]
torch::Tensor dpo_margins(const PairLogProbabilities& pairs, const DpoOptions& options);

// Differentiable in `chosen` and `rejected`.  returns: the loss of each pair, [pairs]
torch::Tensor dpo_losses(const PairLogProbabilities& pairs, const DpoOptions& options);

struct KtoOptions {
  double beta = 0.1;
  // Weights of liked and of disliked answers, >= 0. With n answers of each kind, desirable_weight *
  // n_up should be 1 to 4/3 times undesirable_weight * n_down.
  double desirable_weight = 1.0;
  double undesirable_weight = 1.0;
};

// The KL estimate z of a batch: the mean log-ratio of answers under prompts that they do not belong
// to, at least 0, cut from the graph.
//   policy, reference: [answers], not empty; returns: scalar
torch::Tensor kto_divergence(const torch::Tensor& policy, const torch::Tensor& reference);

// Differentiable in `policy`.
//   policy, reference: [answers] summed log-probabilities; desirable: [answers] bool
//   divergence: scalar of kto_divergence(); returns: the loss of each answer, [answers]
torch::Tensor kto_losses(const torch::Tensor& policy, const torch::Tensor& reference,
                         const torch::Tensor& desirable, const torch::Tensor& divergence,
                         const KtoOptions& options);

}  // namespace kith::train
