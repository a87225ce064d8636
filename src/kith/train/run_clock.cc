#include "kith/train/run_clock.h"

#include <chrono>

namespace kith::train {

RunClock::RunClock(const RunRecipe& run, const TrainOptions& options)
    : run_(run), options_(options), started_(now()), last_save_(started_) {}

double RunClock::now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void RunClock::start(double earlier_seconds) {
  earlier_seconds_ = earlier_seconds;
  started_ = now();
}

double RunClock::elapsed_seconds() const { return earlier_seconds_ + now() - started_; }

double RunClock::progress(std::int64_t steps, std::int64_t tokens) const {
  return progress_of(run_.budget, steps, tokens, elapsed_seconds() / 60.0);
}

bool RunClock::should_stop() const {
  if (options_.stop != nullptr && options_.stop->load()) return true;
  if (options_.max_steps > 0 && steps_ >= options_.max_steps) return true;
  return options_.max_minutes > 0.0 && now() - started_ >= options_.max_minutes * 60.0;
}

bool RunClock::is_save_due(std::int64_t step) const {
  if (run_.checkpoint_every > 0 && step % run_.checkpoint_every == 0) return true;
  return run_.checkpoint_minutes > 0.0 && now() - last_save_ >= run_.checkpoint_minutes * 60.0;
}

}  // namespace kith::train
