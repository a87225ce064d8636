// Where the right value stands among all, and what that is worth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kith::eval {

// How many values score higher than `right`, or as high and stand before it.
// REQUIRES: right < scores.size().
std::size_t rank_of(std::span<const float> scores, std::size_t right);

// Ranks of one case each, from 0, and what they are worth on average.
struct Ranks {
  std::vector<double> hits;   // 1 where the right value is among the first k
  std::vector<double> gains;  // 1 / log2(rank + 2) there: DCG with one right value

  void add(std::size_t rank, std::size_t k);
  double hit_rate() const;
  double ndcg() const;
};

// Mean of a list; 0 if it is empty.
double mean_of(std::span<const double> values);

}  // namespace kith::eval
