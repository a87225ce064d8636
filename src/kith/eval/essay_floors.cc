#include "kith/eval/essay_floors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kith/persona/ngram_features.h"

namespace kith::eval {
namespace {

// Row by row.
using Matrix = std::vector<std::vector<double>>;

std::vector<persona::FeatureHash> ngrams_of(const std::string& text) {
  std::vector<persona::FeatureHash> features;
  persona::append_ngrams(persona::fold_text(text), features);
  return features;
}

double dot(std::span<const persona::WeighedRow> a, std::span<const persona::WeighedRow> b) {
  double sum = 0.0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].row == b[j].row) {
      sum += static_cast<double>(a[i++].weight) * static_cast<double>(b[j++].weight);
    } else {
      ++(a[i].row < b[j].row ? i : j);
    }
  }
  return sum;
}

// By Gauss and Jordan without pivoting. REQUIRES: positive definite.
Matrix inverse_of(Matrix matrix) {
  const std::size_t size = matrix.size();
  Matrix inverse(size, std::vector<double>(size));
  for (std::size_t i = 0; i < size; ++i) inverse[i][i] = 1.0;
  for (std::size_t pivot = 0; pivot < size; ++pivot) {
    const double scale = 1.0 / matrix[pivot][pivot];
    for (std::size_t c = 0; c < size; ++c) {
      matrix[pivot][c] *= scale;
      inverse[pivot][c] *= scale;
    }
    for (std::size_t r = 0; r < size; ++r) {
      const double factor = matrix[r][pivot];
      if (r == pivot || factor == 0.0) continue;
      for (std::size_t c = 0; c < size; ++c) {
        matrix[r][c] -= factor * matrix[pivot][c];
        inverse[r][c] -= factor * inverse[pivot][c];
      }
    }
  }
  return inverse;
}

}  // namespace

EssayFloor EssayFloor::fit(const std::vector<const Essay*>& essays, EssayFeatures features) {
  EssayFloor floor;
  floor.features_ = features;
  std::vector<std::vector<persona::FeatureHash>> documents;
  for (const Essay* essay : essays) {
    documents.push_back(ngrams_of(essay->text));
    floor.mean_score_ += essay->score / static_cast<double>(essays.size());
  }
  if (features == EssayFeatures::kWords) floor.table_ = persona::FeatureTable::build(documents, 1);
  floor.standardise_by(essays);
  std::vector<double> residuals;
  for (const Essay* essay : essays) {
    floor.rows_.push_back(floor.row_of(essay->text));
    residuals.push_back(essay->score - floor.mean_score_);
  }
  floor.solve(residuals);
  return floor;
}

void EssayFloor::standardise_by(const std::vector<const Essay*>& essays) {
  const auto count = static_cast<double>(essays.size());
  std::vector<SurfaceFeatures> surfaces;
  for (const Essay* essay : essays) {
    surfaces.push_back(surface_features(essay->text));
    for (std::size_t f = 0; f < mean_.size(); ++f) mean_[f] += surfaces.back()[f] / count;
  }
  for (std::size_t f = 0; f < mean_.size(); ++f) {
    double variance = 0.0;
    for (const auto& surface : surfaces) variance += std::pow(surface[f] - mean_[f], 2.0) / count;
    deviation_[f] = std::max(std::sqrt(variance), 1e-9);
  }
}

EssayFloor::Row EssayFloor::row_of(const std::string& text) const {
  Row row;
  if (features_ == EssayFeatures::kWords) {
    table_.weigh(ngrams_of(text), row);
    std::sort(row.begin(), row.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return row;
  }
  const SurfaceFeatures surface = surface_features(text);
  // The first surface feature is the number of words.
  const std::size_t used = features_ == EssayFeatures::kLength ? 1 : surface.size();
  for (std::size_t f = 0; f < used; ++f) {
    row.push_back({static_cast<std::uint32_t>(f),
                   static_cast<float>((surface[f] - mean_[f]) / deviation_[f])});
  }
  return row;
}

void EssayFloor::solve(std::span<const double> residuals) {
  constexpr std::array kPenalties{0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0};
  const std::size_t count = rows_.size();
  Matrix gram(count, std::vector<double>(count));
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) gram[i][j] = dot(rows_[i], rows_[j]);
  }
  double least = std::numeric_limits<double>::infinity();
  for (const double penalty : kPenalties) {
    Matrix regular = gram;
    for (std::size_t i = 0; i < count; ++i) regular[i][i] += penalty;
    const Matrix inverse = inverse_of(std::move(regular));
    std::vector<double> weights(count);
    double error = 0.0;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < count; ++j) weights[i] += inverse[i][j] * residuals[j];
      // What essay i would have been off by, had it not been among the others.
      error += std::pow(weights[i] / inverse[i][i], 2.0);
    }
    if (error >= least) continue;
    least = error;
    weights_ = std::move(weights);
  }
}

double EssayFloor::predict(const std::string& text) const {
  const Row row = row_of(text);
  double score = mean_score_;
  for (std::size_t i = 0; i < rows_.size(); ++i) score += weights_[i] * dot(row, rows_[i]);
  return score;
}

}  // namespace kith::eval
