// Texts told apart by their words alone: the baseline that a model has to beat.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace kith::eval {

// Multinomial naive Bayes with Laplace smoothing. Immutable between calls of add(); const members
// may be called from any thread.
class BagOfWords {
 public:
  explicit BagOfWords(std::size_t num_classes) : counts_(num_classes), totals_(num_classes, 0.0) {}

  // A text of class `c`. REQUIRES: c < num_classes.
  void add(std::span<const std::string> words, std::size_t c);
  // Log-likelihood of the words under class `c`; the classes' shares do not count.
  double score(std::span<const std::string> words, std::size_t c) const;
  // The class under which the words are likeliest, the first of equals.
  std::size_t classify(std::span<const std::string> words) const;

 private:
  std::vector<std::map<std::string, double>> counts_;
  std::vector<double> totals_;
  std::map<std::string, bool> vocabulary_;
};

}  // namespace kith::eval
