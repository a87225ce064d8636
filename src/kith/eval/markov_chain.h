// What counts alone say of the next item: the baselines of the user encoder.
//
// Method: the mixture transition distribution (Raftery, 1985), a Markov chain of higher order whose
// lags each have a transition matrix of their own, with absolute discounting towards popularity
// (Ney, Essen and Kneser, 1994):
//   score(v) = sum over lags k of decay^(k-1) * P_k(v | h_k)
//   P_k(v | i) = (max(0, n_k(i, v) - discount) + discount * m_k(i) * popularity(v)) / n_k(i)
// with h_k the k-th last item, n_k counts and m_k(i) how many items follow i. Order 0 is
// popularity.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kith::eval {

struct MarkovOptions {
  int order = 1;          // >= 0
  double decay = 1.0;     // in (0, 1]
  double discount = 0.5;  // in [0, 1)
};

std::string to_string(const MarkovOptions& options);

// Immutable; thread-safe.
class MarkovChain {
 public:
  // Counts up to `max_order` lags. Items are in [0, num_items).
  MarkovChain(std::span<const std::vector<std::int32_t>> histories, std::size_t num_items,
              int max_order);

  // returns: [num_items]; sums to at most the number of lags that `history` has, or to 1 if none.
  // REQUIRES: options.order <= max_order.
  std::vector<float> scores(std::span<const std::int32_t> history,
                            const MarkovOptions& options) const;
  // Share of all events.
  const std::vector<float>& popularity() const { return popularity_; }

 private:
  // What follows an item, by item; ascending.
  struct Followers {
    double total = 0.0;
    std::vector<std::pair<std::int32_t, float>> counts;
  };

  std::vector<float> popularity_;
  std::vector<std::vector<Followers>> lags_;  // [max_order, num_items]
};

}  // namespace kith::eval
