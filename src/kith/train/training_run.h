// What every training loop does around its own loss: the optimizer's step with its rate, the count
// of steps and tokens, the clock, checkpoints, and the figures of the report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/model_files.h"
#include "kith/train/optimizer.h"
#include "kith/train/parameters.h"
#include "kith/train/progress.h"
#include "kith/train/recipe.h"
#include "kith/train/run_clock.h"
#include "kith/train/trainer.h"

namespace kith::train {

// Not thread-safe. Borrows everything but `config`, which identifies the shape of the run in
// checkpoints. Library exceptions pass through.
class TrainingRun {
 public:
  // stores: of everything that is trained, at least one; their gradients are clipped together
  TrainingRun(const Recipe& recipe, const TrainOptions& options,
              std::vector<ParameterStore*> stores, ProgressReporter& reporter, std::string config);

  const RunState& state() const { return state_; }
  // Where the loop stands in its data, which is a part of the checkpoint.
  StreamPosition& position() { return state_.position; }
  // Share of the budget spent.
  double progress() const { return clock_.progress(state_.step, state_.tokens); }
  // Whether another step is to be done.
  bool goes_on() const { return progress() < 1.0 && !clock_.should_stop(); }

  // Takes up OUTPUT/checkpoint.safetensors if the options ask for it and it is there: true then.
  // Errors: those of load_checkpoint().
  Result<bool> resume_if_asked();
  // The clock begins to run.
  void start() { clock_.start(state_.elapsed_seconds); }

  // Ends a step: updates the parameters with their collected gradients and tells the reporter.
  //   loss: of the step;  tokens: that it took;  started: RunClock::now() before it
  // Errors: kInternal when the gradient was not finite for ten steps.
  Status finish_step(double loss, std::int64_t tokens, double started);
  // Writes a checkpoint where one is due. Errors: kUnavailable.
  Status save_if_due();
  // Writes the last one, if there was a step. Errors: kUnavailable.
  Status save_last();
  // Steps, tokens, seconds, last loss and speed so far.
  void count(TrainReport& report) const;

  double last_loss() const { return last_loss_; }

 private:
  Status save();
  double update_parameters(double learning_rate);
  std::vector<TrainedStore> trained();

  const Recipe& recipe_;
  const TrainOptions& options_;
  std::vector<ParameterStore*> stores_;
  ProgressReporter& reporter_;
  std::string config_;
  std::vector<Optimizer> optimizers_;  // one a store
  RunClock clock_;
  RunState state_;
  double last_loss_ = 0.0;
  double smoothed_rate_ = 0.0;
  int bad_steps_ = 0;
};

}  // namespace kith::train
