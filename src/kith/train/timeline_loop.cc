#include "kith/train/timeline_loop.h"

namespace kith::train {

using torch::Tensor;

TimelineLoop::TimelineLoop(Parts parts)
    : parts_(std::move(parts)),
      stream_(parts_.data, parts_.recipe.timeline.window, HeldOut::of(parts_.data),
              parts_.recipe.seed),
      run_(parts_.recipe, parts_.options, {&parts_.model.decoder().parameters()}, parts_.reporter,
           parts_.config),
      best_(parts_.model.decoder().parameters(), parts_.recipe.output / "best.safetensors") {}

Status TimelineLoop::resume_if_asked() {
  KITH_ASSIGN_OR_RETURN(const bool resumes, run_.resume_if_asked());
  if (!resumes) {
    best_.forget();
    return {};
  }
  KITH_RETURN_IF_ERROR(best_.resume());
  KITH_RETURN_IF_ERROR(stream_.seek(run_.position(), parts_.recipe.run.batch_tokens));
  parts_.reporter.say("resumed at step " + std::to_string(run_.state().step));
  return {};
}

double TimelineLoop::accumulate_gradients(std::int64_t& events) {
  const TimelineBatch batch = stream_.next(parts_.recipe.run.batch_tokens);
  events = batch.rows * (batch.length - 1);
  torch::manual_seed(parts_.recipe.seed + static_cast<std::uint64_t>(run_.state().step));
  const Tensor loss = parts_.model.loss(
      to_tensor(batch, parts_.data.num_columns(), parts_.model.decoder().device()));
  // A batch may hold no value to predict.
  if (!loss.defined()) return run_.last_loss();
  loss.backward();
  parts_.model.decoder().parameters().collect_gradients();
  return loss.item<double>();
}

Status TimelineLoop::train_step() {
  const double start = RunClock::now();
  std::int64_t events = 0;
  const double loss = accumulate_gradients(events);
  KITH_RETURN_IF_ERROR(run_.finish_step(loss, events, start));
  run_.position() = stream_.position();
  return {};
}

TimelineRanks TimelineLoop::validate() {
  parts_.model.set_dropout(0.0);
  TimelineRanks ranks = rank_features(parts_.model, parts_.data, parts_.recipe.timeline.window);
  parts_.model.set_dropout(parts_.recipe.timeline.dropout);
  parts_.reporter.ranks(run_.state().step, ranks.figures);
  return ranks;
}

Status TimelineLoop::validate_if_due() {
  const std::int64_t every = parts_.recipe.run.validate_every;
  if (every == 0 || run_.state().step % every != 0) return {};
  return best_.offer(validate().score);
}

Result<TrainReport> TimelineLoop::run() {
  KITH_RETURN_IF_ERROR(resume_if_asked());
  run_.start();
  parts_.model.set_dropout(parts_.recipe.timeline.dropout);
  while (run_.goes_on()) {
    KITH_RETURN_IF_ERROR(train_step());
    KITH_RETURN_IF_ERROR(validate_if_due());
    KITH_RETURN_IF_ERROR(run_.save_if_due());
  }
  KITH_RETURN_IF_ERROR(run_.save_last());
  TrainReport report;
  report.finished = run_.progress() >= 1.0;
  if (report.finished) {
    TimelineRanks ranks = validate();
    if (parts_.recipe.run.validate_every > 0) {
      KITH_RETURN_IF_ERROR(best_.offer(ranks.score));
      if (best_.restore()) ranks = validate();
    }
    report.ranks = std::move(ranks.figures);
    met_terms_ = std::move(ranks.terms);
  }
  parts_.reporter.finish();
  run_.count(report);
  return report;
}

}  // namespace kith::train
