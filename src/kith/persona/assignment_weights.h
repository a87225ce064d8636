// How the sources of evidence become one posterior that can be believed, and how that is fitted.
//
// A log-linear pool (Genest and Zidek 1986): the score of a persona is the weighted sum of what
// attributes, words and behaviour say in nats, the score of "none of these" has a prior and what
// attributes and words say of it, and the posterior is their softmax. Where nothing is known the
// prior of "none of these" is `unknown_share`; with evidence it goes over to `stranger_share`, at
// the rate exp(-information), information being how far apart the unweighted evidence sets the
// outcomes. Weights below 1 are temperatures above 1, one for each source: naive Bayes is too sure
// of itself, and each source in its own measure. They are fitted by maximum likelihood on users
// that taught the sources nothing. docs/adr/0021-assignment-posterior.md.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kith::persona {

struct AssignmentWeights {
  // Exponents of the sources, in [0, 10].
  double attributes = 1.0;
  double words = 1.0;
  double behaviour = 0.3;
  // Of what the attributes and the words say about "none of these", in [0, 10].
  double attributes_of_none = 1.0;
  double words_of_none = 0.5;
  // Prior of "none of these" among users of whom much is known, in (0, 1).
  double stranger_share = 0.1;
  // The same where nothing is known, in (0, 1). Not fitted.
  double unknown_share = 0.95;

  friend bool operator==(const AssignmentWeights&, const AssignmentWeights&) = default;
};

// What each source says, in nats, mean zero over the personas.
struct EvidenceScores {
  std::vector<double> attributes;  // [num_personas + 1], the last: "none of these"
  std::vector<double> words;       // [num_personas + 1], likewise
  std::vector<double> behaviour;   // [num_personas]
};

// [num_personas + 1], the last: "none of these"; sums to 1.
std::vector<double> posterior_of(const EvidenceScores& scores, const AssignmentWeights& weights);

// Evidence on a user whose outcome is known.
struct ScoredUser {
  EvidenceScores scores;
  std::size_t outcome = 0;  // num_personas: "none of these"
  // How much the example counts, >= 0.
  double weight = 1.0;
};

// Mean negative log-likelihood of the outcomes, in nats; 0 without users.
double mean_loss(std::span<const ScoredUser> users, const AssignmentWeights& weights);

// The weights with the least mean_loss(), by golden-section search along one after the other;
// `start` without users. O(users) a step, some thousand steps.
AssignmentWeights fit_weights(std::span<const ScoredUser> users,
                              const AssignmentWeights& start = {});

}  // namespace kith::persona
