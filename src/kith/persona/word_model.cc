#include "kith/persona/word_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>

#include "kith/persona/denied_words.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

constexpr double kLeastUnseen = 0.01;
// Above it the texts are too few: what a persona's own users write is mostly unseen as well.
constexpr double kGreatestUnseen = 0.4;

}  // namespace

WordModel::WordModel(const PersonaCatalogue& catalogue, std::span<const TrainingText> texts,
                     double prior_words) {
  const auto& personas = catalogue.personas();
  // [num_personas] for each word, and their sums.
  std::unordered_map<std::string, std::vector<double>> counts;
  std::vector<double> totals(personas.size());
  const auto count = [&](std::size_t k, const std::string& written) {
    for (const std::string& word : text::segment_words(without_denied_sentences(written))) {
      auto& of_word = counts[word];
      of_word.resize(personas.size());
      of_word[k] += 1.0;
      totals[k] += 1.0;
    }
  };
  std::map<PersonaId, std::size_t> index;
  for (std::size_t k = 0; k < personas.size(); ++k) {
    index[personas[k].id] = k;
    for (const std::string& exemplar : personas[k].exemplars) count(k, exemplar);
  }
  for (const TrainingText& text : texts) {
    const auto it = index.find(text.persona);
    if (it != index.end()) count(it->second, text.text);
  }
  for (const auto& [word, of_word] : counts) {
    log_odds_.emplace(word, log_odds_of(of_word, totals, prior_words));
  }
  measure_strangeness(counts);
}

// The share of words written once estimates the share that was never seen (Good 1953).
void WordModel::measure_strangeness(
    const std::unordered_map<std::string, std::vector<double>>& counts) {
  double num_once = 0.0;
  double num_words = 0.0;
  for (const auto& [word, of_word] : counts) {
    const double count = std::accumulate(of_word.begin(), of_word.end(), 0.0);
    if (count < 1.5) num_once += 1.0;
    num_words += count;
  }
  if (num_once >= kGreatestUnseen * num_words) return;
  const double unseen = std::max(num_once / num_words, kLeastUnseen);
  of_unseen_ = std::log(2.0);
  of_known_ = std::log((1.0 - 2.0 * unseen) / (1.0 - unseen));
}

std::vector<double> WordModel::log_odds_of(const std::vector<double>& counts,
                                           const std::vector<double>& totals, double prior_words) {
  // The average over personas, not over words: a persona with more training text must not set what
  // is common.
  double common = 0.0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (totals[k] > 0) common += counts[k] / totals[k];
  }
  const auto num_personas = static_cast<double>(counts.size());
  common /= num_personas;
  std::vector<double> log_odds(counts.size());
  for (std::size_t k = 0; k < counts.size(); ++k) {
    log_odds[k] = std::log((counts[k] + prior_words * common) / (totals[k] + prior_words));
  }
  const double mean = std::accumulate(log_odds.begin(), log_odds.end(), 0.0) / num_personas;
  for (double& value : log_odds) value -= mean;
  return log_odds;
}

const std::vector<double>* WordModel::find(const std::string& word) const {
  const auto found = log_odds_.find(word);
  return found == log_odds_.end() ? nullptr : &found->second;
}

}  // namespace kith::persona
