// Groups users by everything that several views know of them, and says how many groups there are.
//
// Method: a mixture whose clusters are independent over views (latent class analysis, Lazarsfeld
// 1950), fitted by variational Bayes (Attias 1999) from seeded starts in the manner of k-means++
// (Arthur and Vassilvitskii 2007). The number of clusters is the one whose fit has the highest
// lower bound of the log evidence, plus log(K!) for the equal relabellings of its clusters
// (Corduneanu and Bishop 2001): what more clusters explain has to pay for their parameters. ADR 23.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kith/persona/cluster_matrix.h"
#include "kith/persona/mixture_view.h"

namespace kith::persona {

struct MixtureOptions {
  // Numbers of clusters from 1 to this are tried; the search ends earlier where three numbers in a
  // row bring nothing. In [1, kMaxPersonas].
  std::size_t max_clusters = 12;
  // Starts for each number. >= 1.
  std::size_t restarts = 10;
  // A start ends here, or when an iteration gains less than `tolerance` nats a user.
  std::size_t max_iterations = 200;
  double tolerance = 1e-5;
  std::uint64_t seed = 1;
  // Called with the share of the work that is done; may be empty.
  std::function<void(double share)> progress;
};

using MixtureViews = std::vector<std::unique_ptr<MixtureView>>;

// The views hold what was learned, so a mixture is good until they are fitted again.
class Mixture {
 public:
  // Learns from `users`. The same views, users and options give the same mixture.
  // REQUIRES: users is not empty; views live as long as the mixture.
  static Mixture fit(const MixtureViews& views, std::span<const std::size_t> users,
                     const MixtureOptions& options);

  std::size_t num_clusters() const { return log_shares_.size(); }
  // The criterion for 1, 2, ... clusters, in nats.
  const std::vector<double>& criterion() const { return criterion_; }
  // log(share of the cluster) + log-likelihood, for users whether they taught or not:
  // [users.size(), num_clusters].
  ClusterMatrix score(std::span<const std::size_t> users) const;

 private:
  explicit Mixture(const MixtureViews& views) : views_(views) {}
  ClusterMatrix choose_start(std::span<const std::size_t> users, std::size_t num_clusters,
                             std::uint64_t seed) const;
  // One step of variational Bayes: parameters from `weights`, then `weights` from these. Returns
  // the lower bound before the weights change.
  double improve(std::span<const std::size_t> users, ClusterMatrix& weights);
  // Improves until that gains too little; returns the bound.
  double climb(std::span<const std::size_t> users, const MixtureOptions& options,
               ClusterMatrix& weights);
  void fit_parameters(std::span<const std::size_t> users, const ClusterMatrix& weights);

  const MixtureViews& views_;
  std::vector<double> shares_;      // Dirichlet posterior over clusters
  std::vector<double> log_shares_;  // its expected logarithms
  std::vector<double> criterion_;
};

// Turns log-joint scores of a row into probabilities and returns their log-sum.
double normalize_scores(std::span<double> row);

}  // namespace kith::persona
