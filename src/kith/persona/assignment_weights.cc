#include "kith/persona/assignment_weights.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kith/persona/golden_section.h"

namespace kith::persona {
namespace {

constexpr double kGreatestWeight = 10.0;
constexpr double kLeastShare = 0.001;
constexpr double kGreatestShare = 0.9;
constexpr int kSweeps = 12;
// So small that the loss goes on rising, however wrong a weight is.
constexpr double kLeastProbability = 1e-300;
// Shorter steps than this change no decision.
constexpr double kTolerance = 1e-3;

// The score that gives "none of these" the probability `share` among personas of score 0.
double none_score(double share, std::size_t num_personas) {
  return std::log(share / (1 - share) * static_cast<double>(num_personas));
}

}  // namespace

std::vector<double> posterior_of(const EvidenceScores& scores, const AssignmentWeights& weights) {
  const std::size_t num_personas = scores.behaviour.size();
  std::vector<double> values(num_personas + 1);
  // How much was said, whether it is believed or not.
  std::vector<double> said = scores.attributes;
  for (std::size_t k = 0; k < num_personas; ++k) {
    said[k] += scores.words[k] + scores.behaviour[k];
    values[k] = weights.attributes * scores.attributes[k] + weights.words * scores.words[k] +
                weights.behaviour * scores.behaviour[k];
  }
  values.back() = weights.attributes_of_none * scores.attributes.back() +
                  weights.words_of_none * scores.words.back();
  const auto [least, greatest] = std::minmax_element(said.begin(), said.end());
  const double information = *greatest - *least;
  const double informed = none_score(weights.stranger_share, num_personas);
  const double unknown = none_score(weights.unknown_share, num_personas);
  values.back() += informed + (unknown - informed) * std::exp(-information);

  const double largest = *std::max_element(values.begin(), values.end());
  double total = 0.0;
  for (double& value : values) total += value = std::exp(value - largest);
  for (double& value : values) value /= total;
  return values;
}

double mean_loss(std::span<const ScoredUser> users, const AssignmentWeights& weights) {
  double loss = 0.0;
  double total = 0.0;
  for (const ScoredUser& user : users) {
    const double probability = posterior_of(user.scores, weights)[user.outcome];
    loss -= user.weight * std::log(std::max(probability, kLeastProbability));
    total += user.weight;
  }
  return total > 0 ? loss / total : 0.0;
}

AssignmentWeights fit_weights(std::span<const ScoredUser> users, const AssignmentWeights& start) {
  AssignmentWeights best = start;
  if (users.empty()) return best;
  struct Parameter {
    double AssignmentWeights::*member;
    double least;
    double greatest;
  };
  constexpr std::array kParameters = {
      Parameter{&AssignmentWeights::attributes, 0.0, kGreatestWeight},
      Parameter{&AssignmentWeights::words, 0.0, kGreatestWeight},
      Parameter{&AssignmentWeights::behaviour, 0.0, kGreatestWeight},
      Parameter{&AssignmentWeights::attributes_of_none, 0.0, kGreatestWeight},
      Parameter{&AssignmentWeights::words_of_none, 0.0, kGreatestWeight},
      Parameter{&AssignmentWeights::stranger_share, kLeastShare, kGreatestShare}};
  double loss = mean_loss(users, best);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const double before = loss;
    for (const Parameter& parameter : kParameters) {
      AssignmentWeights trial = best;
      trial.*parameter.member =
          find_least(parameter.least, parameter.greatest, kTolerance, [&](double value) {
            trial.*parameter.member = value;
            return mean_loss(users, trial);
          });
      const double found = mean_loss(users, trial);
      // The loss need not have one minimum along a line.
      if (found >= loss) continue;
      best = trial;
      loss = found;
    }
    if (before - loss < 1e-6) break;
  }
  return best;
}

}  // namespace kith::persona
