// A number for each pair of a user and a cluster.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kith::persona {

// Row by row: [num_rows, num_clusters].
class ClusterMatrix {
 public:
  ClusterMatrix() = default;
  ClusterMatrix(std::size_t num_rows, std::size_t num_clusters)
      : num_clusters_(num_clusters), values_(num_rows * num_clusters) {}

  std::size_t num_clusters() const { return num_clusters_; }
  std::size_t num_rows() const { return num_clusters_ == 0 ? 0 : values_.size() / num_clusters_; }
  std::span<double> row(std::size_t i) {
    return std::span(values_).subspan(i * num_clusters_, num_clusters_);
  }
  std::span<const double> row(std::size_t i) const {
    return std::span(values_).subspan(i * num_clusters_, num_clusters_);
  }

 private:
  std::size_t num_clusters_ = 0;
  std::vector<double> values_;
};

}  // namespace kith::persona
