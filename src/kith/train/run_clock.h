// The time and the limits of one run, over the sittings that it took.
#pragma once

#include <cstdint>

#include "kith/train/recipe.h"
#include "kith/train/trainer.h"

namespace kith::train {

// Not thread-safe. Borrows recipe and options.
class RunClock {
 public:
  RunClock(const RunRecipe& run, const TrainOptions& options);

  // Seconds of a steady clock.
  static double now();
  // The sitting begins now; earlier ones took so long.
  void start(double earlier_seconds);
  // Of all sittings.
  double elapsed_seconds() const;
  // Share of the budget spent.
  double progress(std::int64_t steps, std::int64_t tokens) const;
  void count_step() { ++steps_; }
  std::int64_t steps_of_this_sitting() const { return steps_; }
  // Whether the sitting has to end, finished or not.
  bool should_stop() const;
  // Whether a checkpoint is due after `step` steps; saved() says that one was written.
  bool is_save_due(std::int64_t step) const;
  void saved() { last_save_ = now(); }

 private:
  const RunRecipe& run_;
  const TrainOptions& options_;
  double started_;
  double last_save_;
  double earlier_seconds_ = 0.0;
  std::int64_t steps_ = 0;
};

}  // namespace kith::train
