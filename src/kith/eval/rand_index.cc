#include "kith/eval/rand_index.h"

#include <map>
#include <utility>

namespace kith::eval {
namespace {

double pairs_of(double count) { return count * (count - 1.0) / 2.0; }

}  // namespace

double adjusted_rand_index(std::span<const std::size_t> a, std::span<const std::size_t> b) {
  std::map<std::size_t, double> sizes_a;
  std::map<std::size_t, double> sizes_b;
  std::map<std::pair<std::size_t, std::size_t>, double> cells;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sizes_a[a[i]] += 1.0;
    sizes_b[b[i]] += 1.0;
    cells[{a[i], b[i]}] += 1.0;
  }
  double together = 0.0;
  double in_a = 0.0;
  double in_b = 0.0;
  for (const auto& [cell, count] : cells) together += pairs_of(count);
  for (const auto& [group, count] : sizes_a) in_a += pairs_of(count);
  for (const auto& [group, count] : sizes_b) in_b += pairs_of(count);
  const double all = pairs_of(static_cast<double>(a.size()));
  const double by_chance = all > 0.0 ? in_a * in_b / all : 0.0;
  const double most = 0.5 * (in_a + in_b);
  return most > by_chance ? (together - by_chance) / (most - by_chance) : 1.0;
}

}  // namespace kith::eval
