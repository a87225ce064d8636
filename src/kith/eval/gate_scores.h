// The measurements that a gate and a comparison of versions are made of: likelihoods of texts under
// an adapter.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/gate_data.h"
#include "kith/eval/loss.h"

namespace kith::eval {

// Measures under one adapter of a generator that has scores. Borrows both.
class AdapterScorer {
 public:
  // An empty adapter is the base model. `on_text` is called after each text that is scored.
  //   share: factor of the adapter's update, finite
  AdapterScorer(personalize::Generator& generator, AdapterId adapter,
                std::function<void()> on_text = {}, double share = 1.0)
      : generator_(generator),
        adapter_(std::move(adapter)),
        on_text_(std::move(on_text)),
        share_(share) {}

  // Mean natural log-probability per token of each continuation as the answer to the messages.
  Result<std::vector<double>> mean_logprobs(const std::vector<personalize::Message>& messages,
                                            const std::vector<std::string>& continuations) const;
  // The same summed over the tokens.
  Result<std::vector<double>> total_logprobs(const std::vector<personalize::Message>& messages,
                                             const std::vector<std::string>& continuations) const;

  // The loss of each unit's answers, units in the order of their first text.
  Result<std::vector<Loss>> losses(std::span<const GateText> texts) const;

  // For each pair, mean log-probability of the chosen draft less that of the rejected one.
  Result<std::vector<double>> preference_margins(std::span<const GatePreference> pairs) const;
  // For each probe, mean log-probability of agreeing less that of correcting.
  Result<std::vector<double>> flattery_margins(std::span<const FlatteryProbe> probes) const;

  // The greedy answer to the messages, after `prefix`.
  Result<std::string> greedy(const std::vector<personalize::Message>& messages,
                             const std::string& prefix, int max_tokens) const;

  std::size_t count_tokens(const std::string& text) const { return generator_.count_tokens(text); }
  const AdapterId& adapter() const { return adapter_; }

 private:
  std::vector<personalize::AdapterShare> adapters() const;
  void done() const {
    if (on_text_) on_text_();
  }

  personalize::Generator& generator_;
  const AdapterId adapter_;
  const std::function<void()> on_text_;
  const double share_;
};

// Means over the values of each unit, units in the order of their first value.
// REQUIRES: equal sizes.
std::vector<double> means_by_unit(std::span<const std::string> units,
                                  std::span<const double> values);

}  // namespace kith::eval
