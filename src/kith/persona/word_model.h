// What the words that a user writes say about the personas.
//
// A multinomial over words with a Dirichlet prior around the common word frequencies (Zhai and
// Lafferty 2001) over what the persona's users write. How strange a text is to all of them is told
// by words that none has written: of the personas' users as many as Good and Turing expect, of
// somebody else twice as many. Sentences about a matter on the deny list teach nothing
// (denied_words.h).
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "kith/persona/catalogue.h"
#include "kith/persona/training_text.h"

namespace kith::persona {

// Immutable; thread-safe.
class WordModel {
 public:
  WordModel() = default;
  // Learns from the catalogue's exemplars, which carry little, and `texts`; personas that the
  // catalogue does not know are ignored.
  //   prior_words: mass of the Dirichlet prior, > 0
  WordModel(const PersonaCatalogue& catalogue, std::span<const TrainingText> texts,
            double prior_words);

  // Null if the word was never seen; else [num_personas], in nats, mean zero.
  const std::vector<double>* find(const std::string& word) const;
  // What a word says of "none of these" against the personas together, in nats; 0 for a model that
  // has learned too little to say.
  //   is_known: whether find() knows it
  double strangeness(bool is_known) const { return is_known ? of_known_ : of_unseen_; }

 private:
  // Of a word, from how often each persona wrote it and how many words each wrote.
  static std::vector<double> log_odds_of(const std::vector<double>& counts,
                                         const std::vector<double>& totals, double prior_words);

  void measure_strangeness(const std::unordered_map<std::string, std::vector<double>>& counts);

  std::unordered_map<std::string, std::vector<double>> log_odds_;
  double of_known_ = 0.0;
  double of_unseen_ = 0.0;
};

}  // namespace kith::persona
