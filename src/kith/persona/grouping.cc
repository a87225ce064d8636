#include "kith/persona/grouping.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace kith::persona {

Grouping::Grouping(std::vector<std::size_t> users, ClusterMatrix scores)
    : users_(std::move(users)),
      scores_(std::move(scores)),
      is_alive_(scores_.num_clusters(), true) {
  assign();
}

std::size_t Grouping::dissolve_below(std::size_t floor) {
  std::size_t dissolved = 0;
  for (;;) {
    std::optional<std::size_t> smallest;
    std::size_t alive = 0;
    for (std::size_t k = 0; k < sizes_.size(); ++k) {
      if (!is_alive_[k]) continue;
      ++alive;
      if (!smallest || sizes_[k] < sizes_[*smallest]) smallest = k;
    }
    if (alive <= 1 || sizes_[*smallest] >= floor) return dissolved;
    // A cluster that nobody belongs to is no group that anybody could miss.
    dissolved += sizes_[*smallest] > 0 ? 1U : 0U;
    is_alive_[*smallest] = false;
    assign();
  }
}

std::vector<std::size_t> Grouping::by_size() const {
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < sizes_.size(); ++k) {
    if (is_alive_[k]) order.push_back(k);
  }
  std::stable_sort(order.begin(), order.end(),
                   [this](std::size_t a, std::size_t b) { return sizes_[a] > sizes_[b]; });
  return order;
}

std::vector<std::size_t> Grouping::nearest(std::size_t cluster, std::size_t count) const {
  std::vector<std::pair<double, std::size_t>> margins;
  for (std::size_t i = 0; i < users_.size(); ++i) {
    if (clusters_[i] == cluster) margins.emplace_back(-margin(i), users_[i]);
  }
  const auto end = margins.begin() + static_cast<std::ptrdiff_t>(std::min(count, margins.size()));
  std::partial_sort(margins.begin(), end, margins.end());
  std::vector<std::size_t> users;
  for (auto it = margins.begin(); it != end; ++it) users.push_back(it->second);
  return users;
}

void Grouping::assign() {
  sizes_.assign(is_alive_.size(), 0);
  clusters_.resize(users_.size());
  for (std::size_t i = 0; i < users_.size(); ++i) {
    const auto row = scores_.row(i);
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (!is_alive_[k] || row[k] <= best) continue;
      best = row[k];
      clusters_[i] = k;
    }
    ++sizes_[clusters_[i]];
  }
}

double Grouping::margin(std::size_t i) const {
  const auto row = scores_.row(i);
  const double own = row[clusters_[i]];
  double others = 0.0;
  for (std::size_t k = 0; k < row.size(); ++k) {
    if (is_alive_[k] && k != clusters_[i]) others += std::exp(row[k] - own);
  }
  return others > 0.0 ? -std::log(others) : std::numeric_limits<double>::max();
}

}  // namespace kith::persona
