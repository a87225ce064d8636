#include "kith/persona/gaussian_view.h"

#include <cmath>
#include <numbers>

#include "kith/persona/digamma.h"

namespace kith::persona {
namespace {

// The prior of a mean is worth this many users at 0; that of a precision is gamma(kShape, kRate),
// whose mean is the inverse variance 2 of a cluster in data of variance 1.
constexpr double kMeanMass = 0.25;
constexpr double kShape = 2.0;
constexpr double kRate = 1.0;

}  // namespace

GaussianView::GaussianView(std::string name, UserVectors vectors, double weight)
    : name_(std::move(name)), vectors_(std::move(vectors)), weight_(weight) {}

double GaussianView::similarity(std::size_t a, std::size_t b) const {
  if (!knows(a) || !knows(b)) return 0.0;
  const auto one = vector_of(a);
  const auto other = vector_of(b);
  double product = 0.0;
  double norm_a = 0.0;
  double norm_b = 0.0;
  for (std::size_t d = 0; d < one.size(); ++d) {
    product += double{one[d]} * other[d];
    norm_a += double{one[d]} * one[d];
    norm_b += double{other[d]} * other[d];
  }
  const double norms = std::sqrt(norm_a * norm_b);
  return norms > 0.0 ? 0.5 * (1.0 + product / norms) : 0.0;
}

void GaussianView::fit(std::span<const std::size_t> users, const ClusterMatrix& weights) {
  num_clusters_ = weights.num_clusters();
  const std::size_t width = vectors_.dimensions;
  means_.assign(num_clusters_ * width, 0.0);
  mean_mass_.assign(num_clusters_, kMeanMass);
  std::vector<double> squares(width);
  double mass = 0.0;
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (!knows(users[i])) continue;
    const auto vector = vector_of(users[i]);
    const auto row = weights.row(i);
    mass += weight_;
    for (std::size_t d = 0; d < width; ++d) squares[d] += weight_ * double{vector[d]} * vector[d];
    for (std::size_t k = 0; k < num_clusters_; ++k) {
      const double share = weight_ * row[k];
      mean_mass_[k] += share;
      for (std::size_t d = 0; d < width; ++d) means_[k * width + d] += share * vector[d];
    }
  }
  for (std::size_t i = 0; i < means_.size(); ++i) means_[i] /= mean_mass_[i / width];
  fit_precisions(squares, mass);
}

void GaussianView::fit_precisions(std::span<const double> squares, double mass) {
  const std::size_t width = vectors_.dimensions;
  shape_ = kShape + 0.5 * mass;
  rates_.resize(width);
  for (std::size_t d = 0; d < width; ++d) {
    double explained = 0.0;
    for (std::size_t k = 0; k < num_clusters_; ++k) {
      const double mean = means_[k * width + d];
      explained += mean_mass_[k] * mean * mean;
    }
    rates_[d] = kRate + 0.5 * (squares[d] - explained);
  }
}

void GaussianView::add_scores(std::span<const std::size_t> users, ClusterMatrix& scores) const {
  const std::size_t width = vectors_.dimensions;
  double constant = 0.0;
  std::vector<double> precisions(width);
  for (std::size_t d = 0; d < width; ++d) {
    constant += digamma(shape_) - std::log(rates_[d]) - std::log(2.0 * std::numbers::pi);
    precisions[d] = shape_ / rates_[d];
  }
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (!knows(users[i])) continue;
    const auto vector = vector_of(users[i]);
    const auto row = scores.row(i);
    for (std::size_t k = 0; k < num_clusters_; ++k) {
      double distance = static_cast<double>(width) / mean_mass_[k];
      for (std::size_t d = 0; d < width; ++d) {
        const double difference = vector[d] - means_[k * width + d];
        distance += precisions[d] * difference * difference;
      }
      row[k] += weight_ * 0.5 * (constant - distance);
    }
  }
}

double GaussianView::divergence() const {
  const std::size_t width = vectors_.dimensions;
  double divergence = 0.0;
  for (std::size_t d = 0; d < width; ++d) {
    divergence += (shape_ - kShape) * digamma(shape_) - std::lgamma(shape_) + std::lgamma(kShape) +
                  kShape * (std::log(rates_[d]) - std::log(kRate)) +
                  shape_ * (kRate - rates_[d]) / rates_[d];
    for (std::size_t k = 0; k < num_clusters_; ++k) {
      const double ratio = kMeanMass / mean_mass_[k];
      const double mean = means_[k * width + d];
      divergence +=
          0.5 * (ratio - 1.0 - std::log(ratio) + kMeanMass * (shape_ / rates_[d]) * mean * mean);
    }
  }
  return divergence;
}

}  // namespace kith::persona
