#include "kith/persona/mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/persona/digamma.h"

namespace kith::persona {
namespace {

// Of the Dirichlet distribution over clusters: flat.
constexpr double kSharePrior = 1.0;
// How sharply users belong to the start that they are like, per unit of similarity.
constexpr double kStartSharpness = 10.0;
// So many numbers of clusters without gain end the search.
constexpr std::size_t kPatience = 3;

double similarity(const MixtureViews& views, std::size_t a, std::size_t b) {
  double sum = 0.0;
  for (const auto& view : views) sum += view->similarity(a, b);
  return sum / static_cast<double>(std::max<std::size_t>(views.size(), 1));
}

// An index drawn in proportion to `masses`; the last one if all are 0.
std::size_t draw(const std::vector<double>& masses, base::Rng& rng) {
  double left = rng.uniform() * std::accumulate(masses.begin(), masses.end(), 0.0);
  for (std::size_t i = 0; i < masses.size(); ++i) {
    left -= masses[i];
    if (left < 0.0) return i;
  }
  return masses.size() - 1;
}

double share_divergence(const std::vector<double>& shares, const std::vector<double>& logs) {
  const double num = static_cast<double>(shares.size());
  double divergence = std::lgamma(std::accumulate(shares.begin(), shares.end(), 0.0)) -
                      std::lgamma(num * kSharePrior) + num * std::lgamma(kSharePrior);
  for (std::size_t k = 0; k < shares.size(); ++k) {
    divergence += (shares[k] - kSharePrior) * logs[k] - std::lgamma(shares[k]);
  }
  return divergence;
}

}  // namespace

double normalize_scores(std::span<double> row) {
  const double most = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (double& value : row) sum += value = std::exp(value - most);
  for (double& value : row) value /= sum;
  return most + std::log(sum);
}

ClusterMatrix Mixture::choose_start(std::span<const std::size_t> users, std::size_t num_clusters,
                                    std::uint64_t seed) const {
  base::Rng rng(seed);
  ClusterMatrix weights(users.size(), num_clusters);
  std::vector<double> distances(users.size(), 1.0);
  for (std::size_t k = 0; k < num_clusters; ++k) {
    const std::size_t start = draw(distances, rng);
    for (std::size_t i = 0; i < users.size(); ++i) {
      const double alike = similarity(views_, users[i], users[start]);
      distances[i] = std::min(distances[i], std::max(1.0 - alike, 0.0));
      weights.row(i)[k] = kStartSharpness * alike;
    }
    // Two identical users are one start.
    distances[start] = 0.0;
  }
  for (std::size_t i = 0; i < users.size(); ++i) normalize_scores(weights.row(i));
  return weights;
}

void Mixture::fit_parameters(std::span<const std::size_t> users, const ClusterMatrix& weights) {
  const std::size_t num_clusters = weights.num_clusters();
  shares_.assign(num_clusters, kSharePrior);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto row = weights.row(i);
    for (std::size_t k = 0; k < num_clusters; ++k) shares_[k] += row[k];
  }
  const double total = digamma(std::accumulate(shares_.begin(), shares_.end(), 0.0));
  log_shares_.resize(num_clusters);
  for (std::size_t k = 0; k < num_clusters; ++k) log_shares_[k] = digamma(shares_[k]) - total;
  for (const auto& view : views_) view->fit(users, weights);
}

ClusterMatrix Mixture::score(std::span<const std::size_t> users) const {
  ClusterMatrix scores(users.size(), num_clusters());
  for (std::size_t i = 0; i < users.size(); ++i) {
    std::copy(log_shares_.begin(), log_shares_.end(), scores.row(i).begin());
  }
  for (const auto& view : views_) view->add_scores(users, scores);
  return scores;
}

double Mixture::improve(std::span<const std::size_t> users, ClusterMatrix& weights) {
  fit_parameters(users, weights);
  weights = score(users);
  double bound = -share_divergence(shares_, log_shares_);
  for (const auto& view : views_) bound -= view->divergence();
  for (std::size_t i = 0; i < users.size(); ++i) bound += normalize_scores(weights.row(i));
  return bound;
}

double Mixture::climb(std::span<const std::size_t> users, const MixtureOptions& options,
                      ClusterMatrix& weights) {
  const double tolerance = options.tolerance * static_cast<double>(users.size());
  double bound = -std::numeric_limits<double>::infinity();
  for (std::size_t step = 0; step < options.max_iterations; ++step) {
    const double reached = improve(users, weights);
    const bool is_settled = reached - bound < tolerance;
    bound = reached;
    if (is_settled) break;
  }
  return bound;
}

Mixture Mixture::fit(const MixtureViews& views, std::span<const std::size_t> users,
                     const MixtureOptions& options) {
  Mixture mixture(views);
  const std::size_t most = std::min(options.max_clusters, users.size());
  ClusterMatrix best;
  double highest = -std::numeric_limits<double>::infinity();
  std::size_t best_number = 0;
  for (std::size_t number = 1; number <= most && number <= best_number + kPatience; ++number) {
    const double relabellings = std::lgamma(static_cast<double>(number) + 1.0);
    mixture.criterion_.push_back(-std::numeric_limits<double>::infinity());
    // One cluster has one start.
    const std::size_t restarts = number == 1 ? 1 : options.restarts;
    for (std::size_t start = 0; start < restarts; ++start) {
      auto weights = mixture.choose_start(users, number, options.seed * 1'000'003 + start);
      const double value = mixture.climb(users, options, weights) + relabellings;
      mixture.criterion_.back() = std::max(mixture.criterion_.back(), value);
      if (value <= highest) continue;
      highest = value;
      best = std::move(weights);
      best_number = number;
    }
    if (options.progress) {
      options.progress(static_cast<double>(number) / static_cast<double>(most));
    }
  }
  mixture.fit_parameters(users, best);
  return mixture;
}

}  // namespace kith::persona
