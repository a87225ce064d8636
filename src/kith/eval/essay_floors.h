// Scorers of essays that read nothing: what a language model has to beat.
//
// Method: ridge regression of the score in its dual form, with the penalty that has the smallest
// squared error when each train essay is left out (closed form; Allen 1974).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kith/eval/essay_data.h"
#include "kith/persona/feature_table.h"

namespace kith::eval {

enum class EssayFeatures : std::uint8_t {
  kLength,   // the number of words
  kSurface,  // surface_features()
  kWords,    // TF-IDF of words and characters (persona/ngram_features.h)
};

// Immutable after fit(); thread-safe.
class EssayFloor final {
 public:
  // Cubic in the number of essays. REQUIRES: essays is not empty.
  static EssayFloor fit(const std::vector<const Essay*>& essays, EssayFeatures features);

  // The expected score; it may lie between two and beyond the ends.
  double predict(const std::string& text) const;

 private:
  // Ascending by row.
  using Row = std::vector<persona::WeighedRow>;

  EssayFloor() = default;
  void standardise_by(const std::vector<const Essay*>& essays);
  Row row_of(const std::string& text) const;
  void solve(std::span<const double> residuals);

  EssayFeatures features_ = EssayFeatures::kLength;
  persona::FeatureTable table_;
  SurfaceFeatures mean_{};
  SurfaceFeatures deviation_{};
  std::vector<Row> rows_;        // [train essays]
  std::vector<double> weights_;  // [train essays]
  double mean_score_ = 0.0;
};

}  // namespace kith::eval
