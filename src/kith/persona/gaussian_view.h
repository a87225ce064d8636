// Vectors of users as a view: each cluster has a mean, all share one variance for each dimension.
//
// Method: independent normal distributions with normal-gamma posteriors (Bishop 2006, 10.2). The
// variance is shared because clusters with variances of their own shrink around two or three users
// who happen to be alike, or gather those of whom the vectors say little. The log-likelihood counts
// by `weight` (a power posterior), as the dimensions of an embedding are no independent witnesses.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kith/persona/mixture_view.h"

namespace kith::persona {

// A vector for each user. The view expects dimensions of a similar scale, about mean 0 and
// variance 1.
struct UserVectors {
  std::size_t dimensions = 0;
  std::vector<float> values;  // [num_users, dimensions]
  std::vector<bool> known;    // [num_users]; the vectors of others are not looked at
};

class GaussianView final : public MixtureView {
 public:
  // REQUIRES: vectors.dimensions > 0; weight in (0, 1].
  GaussianView(std::string name, UserVectors vectors, double weight);

  const std::string& name() const override { return name_; }
  bool knows(std::size_t user) const override { return vectors_.known[user]; }
  // (1 + cosine) / 2.
  double similarity(std::size_t a, std::size_t b) const override;
  void fit(std::span<const std::size_t> users, const ClusterMatrix& weights) override;
  void add_scores(std::span<const std::size_t> users, ClusterMatrix& scores) const override;
  double divergence() const override;

 private:
  std::span<const float> vector_of(std::size_t user) const {
    return std::span(vectors_.values).subspan(user * vectors_.dimensions, vectors_.dimensions);
  }
  void fit_precisions(std::span<const double> squares, double mass);

  std::string name_;
  UserVectors vectors_;
  double weight_;
  std::size_t num_clusters_ = 0;
  std::vector<double> means_;      // [num_clusters, dimensions]
  std::vector<double> mean_mass_;  // [num_clusters]: prior and users behind a mean
  double shape_ = 0.0;             // of the gamma posteriors of the precisions
  std::vector<double> rates_;      // [dimensions]
};

}  // namespace kith::persona
