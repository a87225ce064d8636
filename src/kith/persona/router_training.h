// Trains a router: its classifier, its model of borders, and the thresholds and weights that live
// with them.
//
// Whatever is calibrated on training texts is calibrated on scores of classifiers that did not see
// the text nor any other of its writer (cross-fitting), because scores of learned texts are too
// sure of themselves. Prompts of a development set, where there is one, tune the pool by the scores
// of classifiers that did not learn from them; what they ask is learned from as other texts are,
// where their borders lie is not.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kith/persona/border_training.h"
#include "kith/persona/router.h"
#include "kith/persona/router_card.h"
#include "kith/persona/text_classifier.h"

namespace kith::persona {

// A prompt that a user of the persona wrote, or would write.
struct RouterText {
  std::string text;
  PersonaId persona;
  // Who wrote it; empty: nobody (exemplars, questions). Only written texts calibrate.
  std::string writer;
  // What is known of the writer from his attributes; may be empty.
  std::vector<storage::PersonaWeight> posterior;
};

// A prompt whose need is another persona's than its writer's.
struct ContradictingPrompt {
  std::string text;
  PersonaId need;
  // Of the writer.
  std::vector<storage::PersonaWeight> posterior;
};

struct TwoPartPrompt {
  JoinedPrompt prompt;
  PersonaId before;
  PersonaId after;
};

struct RouterTrainingData {
  std::vector<RouterText> texts;
  std::vector<std::string> out_of_scope;
  // Development prompts; may be empty, and then the defaults of RouterSettings hold.
  std::vector<ContradictingPrompt> contradicting;
  std::vector<TwoPartPrompt> two_part;
};

// Trains what scores segments. Called once for every fold and once for all texts.
using ScorerTrainer =
    std::function<Result<std::shared_ptr<const SegmentScorer>>(std::span<const LabelledText>)>;

struct RouterTrainingOptions {
  std::uint64_t seed = 1;
  // Parts of the writers for cross-fitting, in [2, 16].
  std::size_t folds = 4;
  // Share of ordinary prompts that may be parted in two, in (0, 0.5).
  double false_splits = 0.02;
  // Share of ordinary prompts that may be taken for out of scope, in (0, 0.5). Users who did not
  // train write of more than those who did.
  double false_refusals = 0.01;
  // Called with the share of the work that is done.
  std::function<void(double share)> progress;
};

struct TrainedRouter {
  RouterCard card;
  std::shared_ptr<const SegmentScorer> scorer;
};

// Deterministic for a deterministic trainer. Figures of the card: out-of-fold `accuracy`,
// `false_splits` and `false_refusals` of ordinary prompts, `out_of_scope_recall`; on the
// development set `contradicting_accuracy`, `boundary_f1` and `two_part`. Errors: kInvalidArgument
// for fewer than two personas, too few texts for the folds, or options
//   outside their ranges; those of `train`.
Result<TrainedRouter> train_router(const RouterTrainingData& data, const ScorerTrainer& train,
                                   const RouterTrainingOptions& options = {});

}  // namespace kith::persona
