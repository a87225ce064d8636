// The loop that trains the user encoder: windows of timelines, the loss of the next event,
// validation on every user's last event, checkpoints.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/best_weights.h"
#include "kith/train/progress.h"
#include "kith/train/recipe.h"
#include "kith/train/timeline_data.h"
#include "kith/train/timeline_model.h"
#include "kith/train/timeline_ranks.h"
#include "kith/train/trainer.h"
#include "kith/train/training_run.h"

namespace kith::train {

// Not thread-safe. Borrows everything it is given. Library exceptions pass through.
class TimelineLoop {
 public:
  struct Parts {
    const Recipe& recipe;
    const TrainOptions& options;
    const TimelineData& data;
    TimelineModel& model;
    // Identifies the shape of the run in checkpoints.
    std::string config;
    ProgressReporter& reporter;
  };

  explicit TimelineLoop(Parts parts);

  // The model ends with the weights that did best on validation, if that was asked for every so
  // many steps, else with the last. Errors: those of files; kInternal when gradients stop being
  // finite.
  Result<TrainReport> run();
  // Of a finished run: what is added to the scores of values met before, by feature.
  const std::vector<std::pair<std::string, MetTerms>>& met_terms() const { return met_terms_; }

 private:
  Status resume_if_asked();
  // Forward and backward over one batch; returns the loss.
  double accumulate_gradients(std::int64_t& events);
  Status train_step();
  TimelineRanks validate();
  Status validate_if_due();

  Parts parts_;
  TimelineStream stream_;
  TrainingRun run_;
  BestWeights best_;
  std::vector<std::pair<std::string, MetTerms>> met_terms_;
};

}  // namespace kith::train
