// Trains the Perceiver under a finished user encoder: the vector of the events up to a moment
// predicts the values of the events that follow it, as a bag. The next event alone would make it a
// copy of the last state; what a user does over the next dozens says what kind of user it is.
#pragma once

#include <string>

#include "kith/base/result.h"
#include "kith/train/perceiver.h"
#include "kith/train/progress.h"
#include "kith/train/recipe.h"
#include "kith/train/timeline_data.h"
#include "kith/train/timeline_model.h"
#include "kith/train/trainer.h"
#include "kith/train/training_run.h"

namespace kith::train {

// A moment in each window of a batch, and the events behind it.
struct Moments {
  // [rows] int64: events before it, at least one.
  torch::Tensor lengths;
  // One for each event behind a moment, at most `horizon` a row:
  torch::Tensor rows;    // [targets] int64: whose
  torch::Tensor events;  // [targets, features] int64
};

// Drawn evenly, the same ones for the same seed. `ids` as for TimelineModel::states(); each row has
// two events or more.
Moments draw_moments(const torch::Tensor& ids, std::int64_t horizon, std::uint64_t seed);

// The weighted sum over the predicted features of the loss of the events behind the moments, by the
// vectors of the events before them. Undefined if there is no value to predict.
//   states: [rows, length, hidden], as TimelineModel::states() gives them, without gradients
torch::Tensor perceiver_loss(const Perceiver& perceiver, const TimelineModel& model,
                             const torch::Tensor& states, const Moments& moments);

// Not thread-safe. Borrows everything it is given. Library exceptions pass through.
class PerceiverLoop {
 public:
  struct Parts {
    // Of the encoder's run; that of the Perceiver has its own steps and its own checkpoint, in
    // OUTPUT/perceiver.
    const Recipe& recipe;
    const TrainOptions& options;
    const TimelineData& data;
    // Not changed.
    const TimelineModel& model;
    Perceiver& perceiver;
    ProgressReporter& reporter;
  };

  explicit PerceiverLoop(Parts parts);

  // Errors: those of files; kInternal when gradients stop being finite.
  Result<TrainReport> run();

 private:
  static Recipe own_recipe(const Recipe& recipe);
  Status train_step();

  Parts parts_;
  Recipe recipe_;
  TimelineStream stream_;
  TrainingRun run_;
};

}  // namespace kith::train
