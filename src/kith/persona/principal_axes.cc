#include "kith/persona/principal_axes.h"

#include <algorithm>
#include <cmath>

#include "kith/base/rng.h"

namespace kith::persona {
namespace {

constexpr std::size_t kIterations = 30;
// Axes beyond those asked for make the iteration converge sooner.
constexpr std::size_t kSpareAxes = 8;
// Variance below which there is no axis.
constexpr double kMinVariance = 1e-9;

using Vector = std::vector<double>;

std::vector<Vector> covariance_of(const UserVectors& vectors,
                                  const std::vector<std::size_t>& users) {
  const std::size_t width = vectors.dimensions;
  std::vector<Vector> covariance(width, Vector(width));
  double count = 0.0;
  for (const std::size_t user : users) {
    if (!vectors.known[user]) continue;
    count += 1.0;
    const float* vector = vectors.values.data() + user * width;
    for (std::size_t a = 0; a < width; ++a) {
      for (std::size_t b = 0; b <= a; ++b) covariance[a][b] += double{vector[a]} * vector[b];
    }
  }
  for (std::size_t a = 0; a < width; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      covariance[a][b] /= std::max(count, 1.0);
      covariance[b][a] = covariance[a][b];
    }
  }
  return covariance;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Gram-Schmidt, in order; what depends on earlier ones becomes 0.
void orthonormalize(std::vector<Vector>& axes) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double shared = dot(axes[i], axes[j]);
      for (std::size_t d = 0; d < axes[i].size(); ++d) axes[i][d] -= shared * axes[j][d];
    }
    const double norm = std::sqrt(dot(axes[i], axes[i]));
    for (double& value : axes[i]) value = norm > kMinVariance ? value / norm : 0.0;
  }
}

Vector multiply(const std::vector<Vector>& matrix, const Vector& vector) {
  Vector product(matrix.size());
  for (std::size_t i = 0; i < matrix.size(); ++i) product[i] = dot(matrix[i], vector);
  return product;
}

// Each divided by its standard deviation, so that coordinates have variance 1.
std::vector<Vector> scaled_axes(const std::vector<Vector>& covariance, std::size_t num_axes) {
  base::Rng rng(1);
  std::vector<Vector> axes(std::min(num_axes + kSpareAxes, covariance.size()));
  for (Vector& axis : axes) {
    axis.resize(covariance.size());
    for (double& value : axis) value = rng.uniform() - 0.5;
  }
  for (std::size_t step = 0; step < kIterations; ++step) {
    for (Vector& axis : axes) axis = multiply(covariance, axis);
    orthonormalize(axes);
  }
  axes.resize(std::min(num_axes, axes.size()));
  std::vector<Vector> scaled;
  for (Vector& axis : axes) {
    const double variance = dot(axis, multiply(covariance, axis));
    if (variance < kMinVariance) continue;
    for (double& value : axis) value /= std::sqrt(variance);
    scaled.push_back(std::move(axis));
  }
  return scaled;
}

}  // namespace

void project_on_principal_axes(const std::vector<std::size_t>& teachers, std::size_t num_axes,
                               UserVectors& vectors) {
  const auto axes = scaled_axes(covariance_of(vectors, teachers), num_axes);
  const std::size_t width = vectors.dimensions;
  std::vector<float> projected;
  projected.reserve(vectors.known.size() * axes.size());
  for (std::size_t user = 0; user < vectors.known.size(); ++user) {
    for (const Vector& axis : axes) {
      double sum = 0.0;
      for (std::size_t d = 0; d < width; ++d) sum += axis[d] * vectors.values[user * width + d];
      projected.push_back(static_cast<float>(sum));
    }
  }
  vectors.values = std::move(projected);
  vectors.dimensions = axes.size();
}

}  // namespace kith::persona
