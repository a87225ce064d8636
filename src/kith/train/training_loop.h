// The loop that base and adapter training share: batches, gradient accumulation, schedule,
// validation, checkpoints.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/decoder.h"
#include "kith/train/packing.h"
#include "kith/train/prepare.h"
#include "kith/train/progress.h"
#include "kith/train/recipe.h"
#include "kith/train/trainer.h"
#include "kith/train/training_run.h"

namespace kith::train {

// Not thread-safe. Borrows everything it is given. Library exceptions pass through.
class TrainingLoop {
 public:
  struct Parts {
    const Recipe& recipe;
    const TrainOptions& options;
    const PreparedData& data;
    Decoder& decoder;
    // What is trained: the decoder's own parameters or an adapter's.
    ParameterStore& parameters;
    // Identifies the shape of the run in checkpoints.
    std::string config;
    // Turns what only training has (dropout) on and off.
    std::function<void(bool)> set_training;
    ProgressReporter& reporter;
  };

  explicit TrainingLoop(Parts parts);

  // Errors: those of files; kInternal when gradients stop being finite.
  Result<TrainReport> run();

 private:
  Status open_data();
  Status resume_if_asked();
  void enter_stage();
  Status train_step();
  double accumulate_gradients(std::int64_t& tokens);
  std::vector<ValidationFigure> validate();

  Parts parts_;
  TrainingRun run_;
  std::vector<TokenShard> shards_;
  std::vector<TokenShard> validation_shards_;
  std::vector<WindowStream> stream_;  // one, made when the shards are open
  std::int64_t sequence_ = 0;
};

}  // namespace kith::train
