#include "kith/train/preference_loss.h"

namespace kith::train {

using torch::Tensor;

Tensor dpo_margins(const PairLogProbabilities& pairs, const DpoOptions& options) {
  Tensor chosen = pairs.chosen - pairs.reference_chosen;
  Tensor rejected = pairs.rejected - pairs.reference_rejected;
  if (options.length_normalised) {
    chosen = chosen / pairs.chosen_tokens;
    rejected = rejected / pairs.rejected_tokens;
  }
  return options.beta * (chosen - rejected);
}

Tensor dpo_losses(const PairLogProbabilities& pairs, const DpoOptions& options) {
  const Tensor margins = dpo_margins(pairs, options);
  const double flipped = options.label_smoothing;
  Tensor losses = -(1.0 - flipped) * at::log_sigmoid(margins) - flipped * at::log_sigmoid(-margins);
  if (options.sft_weight > 0.0) {
    losses = losses - options.sft_weight * (pairs.chosen / pairs.chosen_tokens);
  }
  return losses;
}

Tensor kto_divergence(const Tensor& policy, const Tensor& reference) {
  return (policy - reference).mean().clamp_min(0.0).detach();
}

Tensor kto_losses(const Tensor& policy, const Tensor& reference, const Tensor& desirable,
                  const Tensor& divergence, const KtoOptions& options) {
  const Tensor distance = options.beta * (policy - reference - divergence);
  const Tensor liked = options.desirable_weight * (1.0 - at::sigmoid(distance));
  const Tensor disliked = options.undesirable_weight * (1.0 - at::sigmoid(-distance));
  return at::where(desirable, liked, disliked);
}

}  // namespace kith::train
