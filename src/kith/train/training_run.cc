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
                         std::vector<ParameterStore*> stores, ProgressReporter& reporter,
                         std::string config)
    : recipe_(recipe),
      options_(options),
      stores_(std::move(stores)),
      reporter_(reporter),
      config_(std::move(config)),
      clock_(recipe.run, options) {
  for (const ParameterStore* store : stores_) optimizers_.emplace_back(recipe.optimizer, *store);
}

std::vector<TrainedStore> TrainingRun::trained() {
  std::vector<TrainedStore> all;
  for (std::size_t i = 0; i < stores_.size(); ++i) all.push_back({stores_[i], &optimizers_[i]});
  return all;
}

// Returns the norm of all gradients before clipping.
double TrainingRun::update_parameters(double learning_rate) {
  const double norm = gradient_norm(stores_);
  for (std::size_t i = 0; i < stores_.size(); ++i) {
    optimizers_[i].update(*stores_[i], learning_rate, norm);
  }
  return norm;
}

Result<bool> TrainingRun::resume_if_asked() {
  const auto path = checkpoint_of(recipe_);
  if (!options_.resume || !std::filesystem::exists(path)) return false;
  KITH_ASSIGN_OR_RETURN(state_, load_checkpoint(path, trained(), config_));
  return true;
}

Status TrainingRun::finish_step(double loss, std::int64_t tokens, double started) {
  last_loss_ = loss;
  const double rate = learning_rate(recipe_.optimizer.schedule, state_.step, progress());
  const double norm = update_parameters(rate);
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
  return save_checkpoint(checkpoint_of(recipe_), trained(), state_, config_);
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
