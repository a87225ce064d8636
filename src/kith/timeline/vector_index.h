// Users' vectors in memory, searched for the nearest by cosine: every one is looked at, so nothing
// is missed. 100,000 vectors of 128 numbers take 51 MB and some milliseconds a search
// (docs/benchmarks.md).
#pragma once

#include <cstddef>
#include <functional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "kith/base/ids.h"

namespace kith::timeline {

struct Neighbour {
  UserId user;
  PersonaId persona;
  float cosine = 0.0F;
};

// Thread-safe.
class VectorIndex {
 public:
  // Numbers of a vector, >= 1.
  explicit VectorIndex(std::size_t width) : width_(width) {}

  // Adds the user or replaces his vector. REQUIRES: vector: [width], of length 1.
  void put(const UserId& user, const PersonaId& persona, std::span<const float> vector);
  // No effect if he is not there.
  void remove(const UserId& user);
  std::size_t size() const;
  std::size_t width() const { return width_; }

  // The `k` users nearest to `query` among those that `keeps` says yes to, the nearest first, equal
  // ones in the order of their ids. `keeps` may be empty and must not call the index.
  //   query: [width], of any length above 0.   O(users * width).
  std::vector<Neighbour> nearest(std::span<const float> query, std::size_t k,
                                 const std::function<bool(const UserId&)>& keeps = {}) const;

  // The mean of those of the users that are there; empty if none is. [width]
  std::vector<float> mean(std::span<const UserId> users) const;
  std::vector<float> mean(const PersonaId& persona) const;

 private:
  const float* row(std::size_t index) const { return vectors_.data() + index * width_; }

  const std::size_t width_;
  mutable std::shared_mutex mutex_;
  // All guarded by mutex_.
  std::vector<float> vectors_;  // [users, width]
  std::vector<UserId> users_;
  std::vector<PersonaId> personas_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace kith::timeline
