// An attribute as a view: each cluster has a distribution over its values.
//
// Method: a multinomial with a Dirichlet posterior. The prior is Jeffreys' (1/2 for each value), so
// that nothing has to be tuned to the number of values, and a value that a cluster never showed is
// unlikely and not impossible.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kith/persona/mixture_view.h"

namespace kith::persona {

// Values of one user: index and weight. The weights of a user sum to 1, or there are none.
using ValueWeights = std::vector<std::pair<std::uint32_t, float>>;

class CategoricalView final : public MixtureView {
 public:
  // users: the values of each user, indices below num_values; empty if not known
  CategoricalView(std::string name, std::size_t num_values, const std::vector<ValueWeights>& users);

  const std::string& name() const override { return name_; }
  bool knows(std::size_t user) const override { return !values_of(user).empty(); }
  double similarity(std::size_t a, std::size_t b) const override;
  void fit(std::span<const std::size_t> users, const ClusterMatrix& weights) override;
  void add_scores(std::span<const std::size_t> users, ClusterMatrix& scores) const override;
  double divergence() const override;

 private:
  struct Entry {
    std::uint32_t value;
    float weight;
  };
  std::span<const Entry> values_of(std::size_t user) const {
    return std::span(entries_).subspan(begins_[user], begins_[user + 1] - begins_[user]);
  }

  std::string name_;
  std::size_t num_values_;
  std::vector<std::size_t> begins_;  // [num_users + 1]
  std::vector<Entry> entries_;
  // [num_values, num_clusters]: the Dirichlet posteriors, and their expected log-probabilities.
  std::size_t num_clusters_ = 0;
  std::vector<double> counts_;
  std::vector<double> log_probabilities_;
};

}  // namespace kith::persona
