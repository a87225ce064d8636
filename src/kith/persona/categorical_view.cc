#include "kith/persona/categorical_view.h"

#include <cmath>

#include "kith/persona/digamma.h"

namespace kith::persona {
namespace {

// Jeffreys' prior of a multinomial.
constexpr double kPrior = 0.5;

}  // namespace

CategoricalView::CategoricalView(std::string name, std::size_t num_values,
                                 const std::vector<ValueWeights>& users)
    : name_(std::move(name)), num_values_(num_values), begins_{0} {
  for (const ValueWeights& values : users) {
    for (const auto& [value, weight] : values) entries_.push_back({value, weight});
    begins_.push_back(entries_.size());
  }
}

double CategoricalView::similarity(std::size_t a, std::size_t b) const {
  double common = 0.0;
  double norm_a = 0.0;
  double norm_b = 0.0;
  for (const Entry& one : values_of(a)) {
    norm_a += double{one.weight} * one.weight;
    for (const Entry& other : values_of(b)) {
      if (one.value == other.value) common += double{one.weight} * other.weight;
    }
  }
  for (const Entry& other : values_of(b)) norm_b += double{other.weight} * other.weight;
  return common > 0.0 ? common / std::sqrt(norm_a * norm_b) : 0.0;
}

void CategoricalView::fit(std::span<const std::size_t> users, const ClusterMatrix& weights) {
  num_clusters_ = weights.num_clusters();
  counts_.assign(num_values_ * num_clusters_, kPrior);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto row = weights.row(i);
    for (const Entry& entry : values_of(users[i])) {
      double* of_value = counts_.data() + entry.value * num_clusters_;
      for (std::size_t k = 0; k < num_clusters_; ++k) of_value[k] += entry.weight * row[k];
    }
  }
  std::vector<double> totals(num_clusters_);
  for (std::size_t i = 0; i < counts_.size(); ++i) totals[i % num_clusters_] += counts_[i];
  for (double& total : totals) total = digamma(total);
  log_probabilities_.resize(counts_.size());
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    log_probabilities_[i] = digamma(counts_[i]) - totals[i % num_clusters_];
  }
}

void CategoricalView::add_scores(std::span<const std::size_t> users, ClusterMatrix& scores) const {
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto row = scores.row(i);
    for (const Entry& entry : values_of(users[i])) {
      const double* of_value = log_probabilities_.data() + entry.value * num_clusters_;
      for (std::size_t k = 0; k < num_clusters_; ++k) row[k] += entry.weight * of_value[k];
    }
  }
}

double CategoricalView::divergence() const {
  const double num_values = static_cast<double>(num_values_);
  const double of_prior = std::lgamma(num_values * kPrior) - num_values * std::lgamma(kPrior);
  std::vector<double> totals(num_clusters_);
  double divergence = 0.0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    totals[i % num_clusters_] += counts_[i];
    divergence += (counts_[i] - kPrior) * log_probabilities_[i] - std::lgamma(counts_[i]);
  }
  for (const double total : totals) divergence += std::lgamma(total) - of_prior;
  return divergence;
}

}  // namespace kith::persona
