// One kind of knowledge about users as a part of a mixture model (mixture.h): how likely is what is
// known of a user, if he belongs to a cluster?
//
// The port through which discovery learns of new kinds of knowledge: attributes are one view each
// (categorical_view.h), how people write and what about are vectors (gaussian_view.h), and so is
// any other embedding of a user. A view that knows nothing of a user says nothing about him, so
// missing data need no imputation.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kith/persona/cluster_matrix.h"

namespace kith::persona {

// Users are numbers in [0, num_users), the same in all views of a mixture. Not thread-safe.
class MixtureView {
 public:
  virtual ~MixtureView() = default;

  virtual const std::string& name() const = 0;
  virtual bool knows(std::size_t user) const = 0;
  // How alike two users are, in [0, 1]; 0 if one of them is not known. Chooses where a fit starts.
  virtual double similarity(std::size_t a, std::size_t b) const = 0;

  // Sets the posterior of the clusters' parameters.
  //   users: who teaches; weights: [users.size(), num_clusters], how far each belongs to a cluster
  virtual void fit(std::span<const std::size_t> users, const ClusterMatrix& weights) = 0;
  // Adds, for each user, the expected log-likelihood under each cluster, in nats.
  //   scores: [users.size(), num_clusters of the last fit]
  // REQUIRES: fit() was called.
  virtual void add_scores(std::span<const std::size_t> users, ClusterMatrix& scores) const = 0;
  // Kullback-Leibler divergence of the parameters' posterior from their prior, in nats: what the
  // clusters of this view cost.
  virtual double divergence() const = 0;
};

}  // namespace kith::persona
