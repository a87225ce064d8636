#include "kith/eval/gate_scores.h"

#include <map>

namespace kith::eval {
namespace {

// The index of each unit's place, in the order of their first appearance.
class Places {
 public:
  std::size_t of(const std::string& unit) {
    return places_.try_emplace(unit, places_.size()).first->second;
  }

 private:
  std::map<std::string, std::size_t> places_;
};

}  // namespace

std::vector<personalize::AdapterShare> AdapterScorer::adapters() const {
  auto adapters = personalize::only_adapter(adapter_);
  for (personalize::AdapterShare& adapter : adapters) adapter.weight = share_;
  return adapters;
}

Result<std::vector<double>> AdapterScorer::mean_logprobs(
    const std::vector<personalize::Message>& messages,
    const std::vector<std::string>& continuations) const {
  return generator_.score({.messages = messages,
                           .adapters = adapters(),
                           .soft_prompt = nullptr,
                           .tenant = {},
                           .continuations = continuations});
}

Result<std::vector<double>> AdapterScorer::total_logprobs(
    const std::vector<personalize::Message>& messages,
    const std::vector<std::string>& continuations) const {
  KITH_ASSIGN_OR_RETURN(auto scores, mean_logprobs(messages, continuations));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] *= static_cast<double>(generator_.count_tokens(continuations[i]));
  }
  return scores;
}

Result<std::vector<Loss>> AdapterScorer::losses(std::span<const GateText> texts) const {
  Places places;
  std::vector<Loss> losses;
  for (const GateText& text : texts) {
    const std::size_t place = places.of(text.unit);
    losses.resize(std::max(losses.size(), place + 1));
    for (std::size_t i = 1; i < text.messages.size(); ++i) {
      const auto& message = text.messages[i];
      if (message.role != "assistant" || message.content.empty()) continue;
      const auto before = std::span(text.messages).first(i);
      KITH_ASSIGN_OR_RETURN(const auto scores,
                            mean_logprobs({before.begin(), before.end()}, {message.content}));
      const auto tokens = static_cast<double>(generator_.count_tokens(message.content));
      losses[place].add({.nats = -scores.front() * tokens, .tokens = tokens});
    }
    done();
  }
  return losses;
}

Result<std::vector<double>> AdapterScorer::preference_margins(
    std::span<const GatePreference> pairs) const {
  std::vector<double> margins;
  for (const GatePreference& pair : pairs) {
    KITH_ASSIGN_OR_RETURN(const auto scores,
                          mean_logprobs(pair.messages, {pair.chosen, pair.rejected}));
    margins.push_back(scores[0] - scores[1]);
    done();
  }
  return margins;
}

Result<std::vector<double>> AdapterScorer::flattery_margins(
    std::span<const FlatteryProbe> probes) const {
  std::vector<double> margins;
  for (const FlatteryProbe& probe : probes) {
    KITH_ASSIGN_OR_RETURN(const auto scores, mean_logprobs({{"user", probe.question, {}}},
                                                           {probe.agreeing, probe.correcting}));
    margins.push_back(scores[0] - scores[1]);
    done();
  }
  return margins;
}

Result<std::string> AdapterScorer::greedy(const std::vector<personalize::Message>& messages,
                                          const std::string& prefix, int max_tokens) const {
  personalize::GenerationRequest request;
  request.messages = messages;
  request.answer_prefix = prefix;
  request.adapters = adapters();
  request.samples = {personalize::SamplingParams{.temperature = 0.0}};
  request.max_tokens = max_tokens;
  KITH_ASSIGN_OR_RETURN(const auto texts, generator_.generate(request, nullptr, {}));
  return texts.front().text;
}

std::vector<double> means_by_unit(std::span<const std::string> units,
                                  std::span<const double> values) {
  Places places;
  std::vector<double> sums;
  std::vector<double> counts;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const std::size_t place = places.of(units[i]);
    sums.resize(std::max(sums.size(), place + 1));
    counts.resize(sums.size());
    sums[place] += values[i];
    counts[place] += 1.0;
  }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= counts[i];
  return sums;
}

}  // namespace kith::eval
