#include "kith/timeline/plane.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kith/base/check.h"
#include "kith/base/rng.h"

namespace kith::timeline {
namespace {

using Axis = std::vector<double>;

constexpr int kRounds = 60;

double dot(const Axis& a, const Axis& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void normalize(Axis& axis) {
  const double length = std::sqrt(dot(axis, axis));
  if (length < 1e-12) return;
  for (double& value : axis) value /= length;
}

// [count, width], centred.
std::vector<Axis> centred(std::span<const float> vectors, std::size_t width) {
  std::vector<Axis> rows;
  Axis mean(width);
  for (std::size_t at = 0; at < vectors.size(); at += width) {
    const auto row = vectors.subspan(at, width);
    rows.emplace_back(row.begin(), row.end());
    for (std::size_t i = 0; i < width; ++i) mean[i] += rows.back()[i];
  }
  for (Axis& row : rows) {
    for (std::size_t i = 0; i < width; ++i) row[i] -= mean[i] / static_cast<double>(rows.size());
  }
  return rows;
}

// The covariance times the axis, without making the covariance.
Axis spread(const std::vector<Axis>& rows, const Axis& axis) {
  Axis sum(axis.size());
  for (const Axis& row : rows) {
    const double along = dot(row, axis);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += along * row[i];
  }
  return sum;
}

}  // namespace

std::vector<std::array<float, 2>> project_on_plane(std::span<const float> vectors,
                                                   std::size_t width) {
  KITH_CHECK(width > 0 && vectors.size() % width == 0, "rows are of one width");
  const std::vector<Axis> rows = centred(vectors, width);
  std::vector<std::array<float, 2>> places(rows.size());
  base::Rng rng(1);
  std::array<Axis, 2> axes;
  for (Axis& axis : axes) {
    axis.resize(width);
    for (double& value : axis) value = rng.uniform() - 0.5;
    normalize(axis);
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Axis& axis : axes) axis = spread(rows, axis);
    normalize(axes[0]);
    const double shared = dot(axes[0], axes[1]);
    for (std::size_t i = 0; i < width; ++i) axes[1][i] -= shared * axes[0][i];
    normalize(axes[1]);
  }
  for (std::size_t which = 0; which < axes.size(); ++which) {
    double most = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double along = dot(rows[i], axes[which]);
      places[i][which] = static_cast<float>(along);
      if (std::abs(along) > std::abs(most)) most = along;
    }
    if (most >= 0.0) continue;
    for (auto& place : places) place[which] = -place[which];
  }
  return places;
}

}  // namespace kith::timeline
