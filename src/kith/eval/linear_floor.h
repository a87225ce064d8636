// The floor of every text classifier here: liblinear on hashed words and characters.
//
// Features: words 1-2 and characters 2-5 (persona/ngram_features.h), TF-IDF, all that occur,
// each text of length 1. Solver: L2-regularised squared-hinge SVM, one label against the rest, C =
// 1 (Fan et al. 2008), which is what scikit-learn's LinearSVC does by default.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/text_classifier.h"

namespace kith::eval {

// Immutable; thread-safe.
class LinearFloor {
 public:
  // Texts without a label train nothing. `labels` is sorted.
  // Errors: kInvalidArgument for fewer than two labels.
  static Result<LinearFloor> train(std::span<const persona::LabelledText> texts,
                                   const std::vector<std::string>& labels);

  // A score for each label, in the order of the labels.
  std::vector<float> scores(std::string_view text) const;

 private:
  struct Parts;
  explicit LinearFloor(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const Parts> parts_;
};

}  // namespace kith::eval
