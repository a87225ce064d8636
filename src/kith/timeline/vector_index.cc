#include "kith/timeline/vector_index.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "kith/base/check.h"

namespace kith::timeline {
namespace {

// In sixteen sums beside each other, as compilers turn that into vector instructions.
float dot(const float* a, const float* b, std::size_t count) {
  constexpr std::size_t kLanes = 16;
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0.0F;
  for (; i < count; ++i) sum += a[i] * b[i];
  for (const float part : sums) sum += part;
  return sum;
}

void add(const float* from, std::vector<double>& to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += static_cast<double>(from[i]);
}

std::vector<float> divide(const std::vector<double>& sums, std::size_t count) {
  std::vector<float> mean;
  if (count == 0) return mean;
  for (const double sum : sums)
    mean.push_back(static_cast<float>(sum / static_cast<double>(count)));
  return mean;
}

}  // namespace

void VectorIndex::put(const UserId& user, const PersonaId& persona, std::span<const float> vector) {
  KITH_CHECK(vector.size() == width_, "the vector is as wide as the index");
  const std::unique_lock lock(mutex_);
  const auto [place, is_new] = places_.try_emplace(user.str(), users_.size());
  if (is_new) {
    users_.push_back(user);
    personas_.push_back(persona);
    vectors_.insert(vectors_.end(), vector.begin(), vector.end());
    return;
  }
  personas_[place->second] = persona;
  std::copy(vector.begin(), vector.end(),
            vectors_.begin() + static_cast<std::ptrdiff_t>(place->second * width_));
}

void VectorIndex::remove(const UserId& user) {
  const std::unique_lock lock(mutex_);
  const auto found = places_.find(user.str());
  if (found == places_.end()) return;
  const std::size_t gone = found->second;
  const std::size_t last = users_.size() - 1;
  places_.erase(found);
  if (gone != last) {
    std::copy_n(row(last), width_, vectors_.data() + gone * width_);
    users_[gone] = users_[last];
    personas_[gone] = personas_[last];
    places_[users_[gone].str()] = gone;
  }
  vectors_.resize(last * width_);
  users_.pop_back();
  personas_.pop_back();
}

std::size_t VectorIndex::size() const {
  const std::shared_lock lock(mutex_);
  return users_.size();
}

std::vector<Neighbour> VectorIndex::nearest(std::span<const float> query, std::size_t k,
                                            const std::function<bool(const UserId&)>& keeps) const {
  KITH_CHECK(query.size() == width_, "the query is as wide as the index");
  const float length = std::sqrt(dot(query.data(), query.data(), width_));
  const float scale = length > 0.0F ? 1.0F / length : 0.0F;
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<float, std::size_t>> found(users_.size());
  for (std::size_t i = 0; i < users_.size(); ++i) {
    found[i] = {dot(query.data(), row(i), width_) * scale, i};
  }
  const auto is_nearer = [this](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : users_[a.second] < users_[b.second];
  };
  std::vector<Neighbour> neighbours;
  // Some more than are asked for are sorted, and more yet while `keeps` refuses.
  std::size_t sorted = 0;
  while (neighbours.size() < k && sorted < found.size()) {
    const std::size_t end = std::min(found.size(), sorted + 2 * k + 16);
    std::partial_sort(found.begin() + static_cast<std::ptrdiff_t>(sorted),
                      found.begin() + static_cast<std::ptrdiff_t>(end), found.end(), is_nearer);
    for (; sorted < end && neighbours.size() < k; ++sorted) {
      const auto& [cosine, place] = found[sorted];
      if (keeps && !keeps(users_[place])) continue;
      neighbours.push_back({users_[place], personas_[place], cosine});
    }
  }
  return neighbours;
}

std::vector<float> VectorIndex::mean(std::span<const UserId> users) const {
  const std::shared_lock lock(mutex_);
  std::vector<double> sums(width_);
  std::size_t count = 0;
  for (const UserId& user : users) {
    const auto found = places_.find(user.str());
    if (found == places_.end()) continue;
    add(row(found->second), sums);
    ++count;
  }
  return divide(sums, count);
}

std::vector<float> VectorIndex::mean(const PersonaId& persona) const {
  const std::shared_lock lock(mutex_);
  std::vector<double> sums(width_);
  std::size_t count = 0;
  for (std::size_t i = 0; i < users_.size(); ++i) {
    if (personas_[i] != persona) continue;
    add(row(i), sums);
    ++count;
  }
  return divide(sums, count);
}

}  // namespace kith::timeline
