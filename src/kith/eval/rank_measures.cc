#include "kith/eval/rank_measures.h"

#include <cmath>
#include <numeric>

namespace kith::eval {

std::size_t rank_of(std::span<const float> scores, std::size_t right) {
  std::size_t above = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] > scores[right] || (scores[i] == scores[right] && i < right)) ++above;
  }
  return above;
}

void Ranks::add(std::size_t rank, std::size_t k) {
  hits.push_back(rank < k ? 1.0 : 0.0);
  gains.push_back(rank < k ? 1.0 / std::log2(static_cast<double>(rank) + 2.0) : 0.0);
}

double Ranks::hit_rate() const { return mean_of(hits); }
double Ranks::ndcg() const { return mean_of(gains); }

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0.0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace kith::eval
