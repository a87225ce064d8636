// The loop that trains the user encoder: windows of timelines, the loss of the next event,
// validation on every user's last event, checkpoints.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/progress.h"
#include "kith/train/recipe.h"
#include "kith/train/timeline_data.h"
#include "kith/train/timeline_model.h"
#include "kith/train/trainer.h"
#include "kith/train/training_run.h"

namespace kith::train {

// Ranks the value of each user's last event of `data`, given the `window` events before it. The
// name is left empty. Values that the user has met before are ranked like the others.
RankFigure rank_last_events(const TimelineModel& model, const TimelineData& data,
                            std::int64_t window, std::size_t feature);

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

  // Errors: those of files; kInternal when gradients stop being finite.
  Result<TrainReport> run();

 private:
  Status resume_if_asked();
  // Forward and backward over one batch; returns the loss.
  double accumulate_gradients(std::int64_t& events);
  Status train_step();
  std::vector<RankFigure> validate();

  Parts parts_;
  TimelineStream stream_;
  TrainingRun run_;
};

}  // namespace kith::train
