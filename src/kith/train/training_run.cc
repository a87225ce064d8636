#include "kith/train/training_run.h"

#include <cmath>
#include <filesystem>
#include <utility>

namespace kith::train {
namespace {

std::filesystem::path checkpoint_of(const Recipe& recipe) {
  return recipe.output / "checkpoint.safetensors";
}

}  // namespace

TrainingRun::TrainingRun(const Recipe& recipe, const TrainOptions& options,
                         ParameterStore& parameters, ProgressReporter& reporter, std::string config)
    : recipe_(recipe),
      options_(options),
      parameters_(parameters),
      reporter_(reporter),
      config_(std::move(config)),
      optimizer_(recipe.optimizer, parameters),
      clock_(recipe.run, options) {}

Result<bool> TrainingRun::resume_if_asked() {
  const auto path = checkpoint_of(recipe_);
  if (!options_.resume || !std::filesystem::exists(path)) return false;
  KITH_ASSIGN_OR_RETURN(state_, load_checkpoint(path, parameters_, optimizer_, config_));
  return true;
}

Status TrainingRun::finish_step(double loss, std::int64_t tokens, double started) {
  last_loss_ = loss;
  const double rate = learning_rate(recipe_.optimizer.schedule, state_.step, progress());
  const double norm = optimizer_.step(parameters_, rate);
  bad_steps_ = std::isfinite(norm) ? 0 : bad_steps_ + 1;
  if (bad_steps_ >= 10) {
    return Error{ErrorCode::kInternal, "the gradient was not finite for 10 steps; lower the rate"};
  }
  ++state_.step;
  clock_.count_step();
  state_.tokens += tokens;
  const double per_second = static_cast<double>(tokens) / (RunClock::now() - started);
  smoothed_rate_ = smoothed_rate_ == 0.0 ? per_second : 0.9 * smoothed_rate_ + 0.1 * per_second;
  reporter_.step({state_.step, state_.tokens, last_loss_, rate, norm, smoothed_rate_, progress(),
                  clock_.elapsed_seconds()},
                 RunClock::now());
  return {};
}

Status TrainingRun::save_if_due() { return clock_.is_save_due(state_.step) ? save() : Status(); }

Status TrainingRun::save() {
  state_.elapsed_seconds = clock_.elapsed_seconds();
  clock_.saved();
  return save_checkpoint(checkpoint_of(recipe_), parameters_, optimizer_, state_, config_);
}

Status TrainingRun::save_last() { return clock_.steps_of_this_sitting() > 0 ? save() : Status(); }

void TrainingRun::count(TrainReport& report) const {
  report.steps = state_.step;
  report.tokens = state_.tokens;
  report.seconds = clock_.elapsed_seconds();
  report.loss = last_loss_;
  report.tokens_per_second = smoothed_rate_;
}

}  // namespace kith::train
