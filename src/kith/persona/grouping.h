// Users by the cluster that is likeliest for them, none smaller than a floor.
#pragma once

#include <cstddef>
#include <vector>

#include "kith/persona/cluster_matrix.h"

namespace kith::persona {

class Grouping {
 public:
  // users: their numbers; scores: [users.size(), num_clusters], log-joint (Mixture::score)
  Grouping(std::vector<std::size_t> users, ClusterMatrix scores);

  // Dissolves groups of fewer users, the smallest first: each user joins the likeliest of those
  // that are left. One group stays. Returns how many with users were dissolved.
  std::size_t dissolve_below(std::size_t floor);

  // The clusters that are left, largest first.
  std::vector<std::size_t> by_size() const;
  std::size_t size(std::size_t cluster) const { return sizes_[cluster]; }

  // Calls visit(user, cluster) for each user.
  template <typename Visitor>
  void for_each(Visitor&& visit) const {
    for (std::size_t i = 0; i < users_.size(); ++i) visit(users_[i], clusters_[i]);
  }

  // At most `count` users of the cluster, those first for whom it is likelier by the most than all
  // others together.
  std::vector<std::size_t> nearest(std::size_t cluster, std::size_t count) const;

 private:
  void assign();
  double margin(std::size_t i) const;

  std::vector<std::size_t> users_;
  ClusterMatrix scores_;
  std::vector<bool> is_alive_;
  std::vector<std::size_t> clusters_;  // [users_.size()]
  std::vector<std::size_t> sizes_;     // [num_clusters]
};

}  // namespace kith::persona
