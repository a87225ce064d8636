#include "kith/eval/bag_of_words.h"

#include <cmath>

namespace kith::eval {

void BagOfWords::add(std::span<const std::string> words, std::size_t c) {
  for (const auto& word : words) {
    counts_[c][word] += 1.0;
    totals_[c] += 1.0;
    vocabulary_[word] = true;
  }
}

double BagOfWords::score(std::span<const std::string> words, std::size_t c) const {
  const auto size = static_cast<double>(vocabulary_.size() + 1);
  double score = 0.0;
  for (const auto& word : words) {
    const auto it = counts_[c].find(word);
    score += std::log(((it == counts_[c].end() ? 0.0 : it->second) + 1.0) / (totals_[c] + size));
  }
  return score;
}

std::size_t BagOfWords::classify(std::span<const std::string> words) const {
  std::size_t best = 0;
  double best_score = -1e300;
  for (std::size_t c = 0; c < counts_.size(); ++c) {
    const double score = this->score(words, c);
    if (score > best_score) {
      best_score = score;
      best = c;
    }
  }
  return best;
}

}  // namespace kith::eval
