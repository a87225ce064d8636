#include "kith/eval/markov_chain.h"

#include <algorithm>
#include <cstdio>

#include "kith/base/check.h"

namespace kith::eval {
namespace {

using Pair = std::pair<std::int32_t, std::int32_t>;

std::vector<Pair> pairs_at(std::span<const std::vector<std::int32_t>> histories, std::size_t lag) {
  std::vector<Pair> pairs;
  for (const auto& history : histories) {
    for (std::size_t i = lag; i < history.size(); ++i) {
      pairs.emplace_back(history[i - lag], history[i]);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace

std::string to_string(const MarkovOptions& options) {
  char text[64];
  std::snprintf(text, sizeof(text), "order %d, decay %.1f, discount %.1f", options.order,
                options.decay, options.discount);
  return text;
}

MarkovChain::MarkovChain(std::span<const std::vector<std::int32_t>> histories,
                         std::size_t num_items, int max_order)
    : popularity_(num_items, 0.0F), lags_(static_cast<std::size_t>(max_order)) {
  double events = 0.0;
  for (const auto& history : histories) {
    for (const std::int32_t item : history) popularity_[static_cast<std::size_t>(item)] += 1.0F;
    events += static_cast<double>(history.size());
  }
  for (float& share : popularity_) share /= static_cast<float>(std::max(events, 1.0));
  for (std::size_t lag = 0; lag < lags_.size(); ++lag) {
    lags_[lag].resize(num_items);
    for (const auto& [from, to] : pairs_at(histories, lag + 1)) {
      Followers& followers = lags_[lag][static_cast<std::size_t>(from)];
      followers.total += 1.0;
      auto& counts = followers.counts;
      if (counts.empty() || counts.back().first != to) counts.emplace_back(to, 0.0F);
      counts.back().second += 1.0F;
    }
  }
}

std::vector<float> MarkovChain::scores(std::span<const std::int32_t> history,
                                       const MarkovOptions& options) const {
  KITH_CHECK(options.order <= static_cast<int>(lags_.size()), "so many lags are not counted");
  const std::size_t order = std::min(static_cast<std::size_t>(options.order), history.size());
  std::vector<float> scores(popularity_.size(), 0.0F);
  double weight = 1.0;
  // What is left to popularity; a little always, so that no item is without a rank.
  double left = order == 0 ? 1.0 : 1e-6;
  for (std::size_t lag = 0; lag < order; ++lag, weight *= options.decay) {
    const auto item = static_cast<std::size_t>(history[history.size() - 1 - lag]);
    const Followers& followers = lags_[lag][item];
    if (followers.total == 0.0) {
      left += weight;
      continue;
    }
    const double share = weight / followers.total;
    left += share * options.discount * static_cast<double>(followers.counts.size());
    for (const auto& [to, count] : followers.counts) {
      scores[static_cast<std::size_t>(to)] +=
          static_cast<float>(share * std::max(0.0, static_cast<double>(count) - options.discount));
    }
  }
  for (std::size_t item = 0; item < scores.size(); ++item) {
    scores[item] += static_cast<float>(left) * popularity_[item];
  }
  return scores;
}

}  // namespace kith::eval
