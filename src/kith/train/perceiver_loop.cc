#include "kith/train/perceiver_loop.h"

#include <algorithm>

#include "kith/base/rng.h"
#include "kith/train/ops.h"

namespace kith::train {

using torch::Tensor;

namespace {

constexpr std::int64_t kFirstValue = 2;

std::string config_of(const Perceiver& perceiver) {
  const PerceiverRecipe& shape = perceiver.shape();
  std::string text = "perceiver";
  for (const std::int64_t size :
       {perceiver.width(), perceiver.window(), shape.num_latents, shape.num_layers,
        shape.num_attention_heads, shape.intermediate_size}) {
    text += " " + std::to_string(size);
  }
  return text;
}

}  // namespace

Moments draw_moments(const Tensor& ids, std::int64_t horizon, std::uint64_t seed) {
  base::Rng rng(seed);
  // Padding is -1 in every feature.
  const Tensor sizes = ids.select(2, 0).ge(0).sum(1).to(torch::kCPU);
  std::vector<std::int64_t> lengths;
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> places;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const auto size = sizes[row].item<std::int64_t>();
    const auto before =
        1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(size - 1)));
    lengths.push_back(before);
    for (std::int64_t at = before; at < std::min(size, before + horizon); ++at) {
      rows.push_back(row);
      places.push_back(row * ids.size(1) + at);
    }
  }
  const auto tensor = [&](const std::vector<std::int64_t>& values) {
    return torch::tensor(values, torch::kLong).to(ids.device());
  };
  return {tensor(lengths), tensor(rows),
          ids.reshape({-1, ids.size(2)}).index_select(0, tensor(places))};
}

Tensor perceiver_loss(const Perceiver& perceiver, const TimelineModel& model, const Tensor& states,
                      const Moments& moments) {
  const Tensor vectors = perceiver.vectors(perceiver.latents(states, moments.lengths));
  const Tensor queries =
      (vectors * perceiver.sharpness()).index_select(0, moments.rows).to(states.scalar_type());
  Tensor total;
  for (std::size_t feature = 0; feature < model.features().size(); ++feature) {
    const double weight = model.features()[feature].predict;
    if (weight <= 0.0) continue;
    const Tensor values = moments.events.select(1, static_cast<std::int64_t>(feature));
    const Tensor targets =
        torch::where(values.ge(kFirstValue), values, torch::full_like(values, -1));
    const auto counted = static_cast<double>(targets.ge(0).sum().item<std::int64_t>());
    if (counted == 0.0) continue;
    const Tensor table = model.embeddings(feature).detach().contiguous();
    const Tensor part = linear_cross_entropy(queries, table, targets, weight / counted);
    total = total.defined() ? total + part : part;
  }
  return total;
}

// Its parameters are few, so it takes AdamW whatever trains the encoder.
Recipe PerceiverLoop::own_recipe(const Recipe& recipe) {
  Recipe own = recipe;
  own.output = recipe.output / "perceiver";
  own.run.budget = Budget{recipe.timeline.perceiver.steps, 0, 0.0};
  own.optimizer.kind = OptimizerKind::kAdamW;
  own.optimizer.schedule.warmup_steps =
      std::min(own.optimizer.schedule.warmup_steps, recipe.timeline.perceiver.steps / 10);
  return own;
}

PerceiverLoop::PerceiverLoop(Parts parts)
    : parts_(std::move(parts)),
      recipe_(own_recipe(parts_.recipe)),
      stream_(parts_.data, recipe_.timeline.window, HeldOut::of(parts_.data), recipe_.seed + 1),
      run_(recipe_, parts_.options, {&parts_.perceiver.parameters()}, parts_.reporter,
           config_of(parts_.perceiver)) {}

Status PerceiverLoop::train_step() {
  const double start = RunClock::now();
  const TimelineBatch batch = stream_.next(recipe_.run.batch_tokens);
  const Tensor ids = to_tensor(batch, parts_.data.num_columns(), parts_.model.decoder().device());
  Tensor states;
  {
    const torch::NoGradGuard no_grad;
    // Nobody reads the state after a window's last event.
    const Tensor before = ids.narrow(1, 0, batch.length - 1).contiguous();
    states = parts_.model.states(before).view({batch.rows, batch.length - 1, -1});
  }
  const auto step = static_cast<std::uint64_t>(run_.state().step);
  const Moments moments = draw_moments(ids, recipe_.timeline.perceiver.horizon,
                                       recipe_.seed ^ (0x9E3779B97F4A7C15ULL * (step + 1)));
  const Tensor loss = perceiver_loss(parts_.perceiver, parts_.model, states, moments);
  double value = run_.last_loss();
  if (loss.defined()) {
    loss.backward();
    parts_.perceiver.parameters().collect_gradients();
    value = loss.item<double>();
  }
  KITH_RETURN_IF_ERROR(run_.finish_step(value, batch.rows * batch.length, start));
  run_.position() = stream_.position();
  return {};
}

Result<TrainReport> PerceiverLoop::run() {
  std::error_code error;
  std::filesystem::create_directories(recipe_.output, error);
  if (error) {
    return Error{ErrorCode::kUnavailable,
                 "cannot create " + recipe_.output.string() + ": " + error.message()};
  }
  KITH_ASSIGN_OR_RETURN(const bool resumes, run_.resume_if_asked());
  if (resumes) KITH_RETURN_IF_ERROR(stream_.seek(run_.position(), recipe_.run.batch_tokens));
  run_.start();
  while (run_.goes_on()) {
    KITH_RETURN_IF_ERROR(train_step());
    KITH_RETURN_IF_ERROR(run_.save_if_due());
  }
  KITH_RETURN_IF_ERROR(run_.save_last());
  TrainReport report;
  report.finished = run_.progress() >= 1.0;
  run_.count(report);
  return report;
}

}  // namespace kith::train
