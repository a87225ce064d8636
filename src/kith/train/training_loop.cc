#include "kith/train/training_loop.h"

#include <cmath>

namespace kith::train {
namespace {

torch::Tensor to_tensor(const std::vector<std::int64_t>& values, const Batch& batch,
                        torch::Device device) {
  // from_blob does not copy and `values` may go away, hence clone.
  auto* data = const_cast<std::int64_t*>(values.data());
  return torch::from_blob(data, {batch.rows, batch.sequence}, torch::kLong).clone().to(device);
}

// Undefined if all weigh 1.
torch::Tensor weights_of(const Batch& batch, torch::Device device) {
  if (batch.weights.empty()) return {};
  auto* data = const_cast<float*>(batch.weights.data());
  return torch::from_blob(data, {batch.rows, batch.sequence}, torch::kFloat).clone().to(device);
}

}  // namespace

TrainingLoop::TrainingLoop(Parts parts)
    : parts_(std::move(parts)),
      run_(parts_.recipe, parts_.options, {&parts_.parameters}, parts_.reporter, parts_.config) {}

Status TrainingLoop::open_data() {
  const auto open_all = [](const auto& paths, std::vector<TokenShard>& to) -> Status {
    for (const auto& path : paths) {
      KITH_ASSIGN_OR_RETURN(auto shard, TokenShard::open(path));
      to.push_back(std::move(shard));
    }
    return {};
  };
  KITH_RETURN_IF_ERROR(open_all(parts_.data.data, shards_));
  KITH_RETURN_IF_ERROR(open_all(parts_.data.validation, validation_shards_));
  std::vector<StreamSource> sources;
  std::size_t documents = 0;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const DataSource& source = parts_.recipe.data[i];
    sources.push_back({&shards_[i], source.weight, source.packing});
    if (source.weight > 0.0) documents += shards_[i].num_documents();
    parts_.reporter.say(source.path.string() + ": " + std::to_string(shards_[i].num_documents()) +
                        " documents, " + std::to_string(shards_[i].num_tokens()) + " tokens");
  }
  if (documents == 0) {
    return Error{ErrorCode::kInvalidArgument, "the data sources hold no document"};
  }
  stream_.emplace_back(std::move(sources), parts_.recipe.seed,
                       static_cast<std::int32_t>(parts_.data.pad));
  return {};
}

Status TrainingLoop::resume_if_asked() {
  KITH_ASSIGN_OR_RETURN(const bool resumes, run_.resume_if_asked());
  if (!resumes) return {};
  const auto stage = static_cast<std::size_t>(run_.position().stage);
  if (stage >= parts_.recipe.stages.size()) {
    return Error{ErrorCode::kInvalidArgument, "the checkpoint is past the recipe's last stage"};
  }
  sequence_ = parts_.recipe.stages[stage].sequence;
  stream_.front().seek(run_.position(), sequence_);
  parts_.reporter.say("resumed at step " + std::to_string(run_.state().step));
  return {};
}

void TrainingLoop::enter_stage() {
  const double share = run_.progress();
  const auto& stages = parts_.recipe.stages;
  std::size_t stage = 0;
  while (stage + 1 < stages.size() && share >= stages[stage].until) ++stage;
  sequence_ = stages[stage].sequence;
  stream_.front().set_stage(static_cast<std::int64_t>(stage), sequence_);
}

// Forward and backward over the micro-batches of one step; returns the mean loss.
double TrainingLoop::accumulate_gradients(std::int64_t& tokens) {
  const RunRecipe& run = parts_.recipe.run;
  const std::int64_t rows = std::max<std::int64_t>(1, run.batch_tokens / sequence_);
  const std::int64_t micro =
      std::min(rows, std::max<std::int64_t>(1, run.micro_batch_tokens / sequence_));
  std::vector<Batch> batches;
  std::int64_t counted = 0;
  for (std::int64_t done = 0; done < rows; done += micro) {
    batches.push_back(stream_.front().next(std::min(micro, rows - done)));
    counted += batches.back().counted;
  }
  // The mean is over the whole step, not over micro-batches, which may count few tokens.
  const double scale = 1.0 / static_cast<double>(std::max<std::int64_t>(1, counted));
  torch::manual_seed(parts_.recipe.seed + static_cast<std::uint64_t>(run_.state().step));
  double loss = 0.0;
  for (const Batch& batch : batches) {
    tokens += batch.rows * batch.sequence;
    if (batch.counted == 0) continue;
    const auto device = parts_.decoder.device();
    const torch::Tensor value = parts_.decoder.loss(to_tensor(batch.ids, batch, device),
                                                    to_tensor(batch.targets, batch, device), scale,
                                                    weights_of(batch, device));
    value.backward();
    parts_.parameters.collect_gradients();
    loss += value.item<double>();
  }
  return loss;
}

Status TrainingLoop::train_step() {
  const double start = RunClock::now();
  enter_stage();
  std::int64_t tokens = 0;
  const double loss = accumulate_gradients(tokens);
  KITH_RETURN_IF_ERROR(run_.finish_step(loss, tokens, start));
  run_.position() = stream_.front().position();
  return {};
}

std::vector<ValidationFigure> TrainingLoop::validate() {
  std::vector<ValidationFigure> figures;
  if (parts_.set_training) parts_.set_training(false);
  const std::int64_t rows =
      std::max<std::int64_t>(1, parts_.recipe.run.micro_batch_tokens / sequence_);
  for (std::size_t i = 0; i < validation_shards_.size(); ++i) {
    const DataSource& source = parts_.recipe.validation[i];
    ValidationFigure figure{source.name};
    double total = 0.0;
    for (const Batch& batch : validation_batches(validation_shards_[i], source.packing, sequence_,
                                                 parts_.recipe.run.validate_tokens, rows,
                                                 static_cast<std::int32_t>(parts_.data.pad))) {
      if (batch.counted == 0) continue;
      const auto device = parts_.decoder.device();
      total += parts_.decoder.evaluate(to_tensor(batch.ids, batch, device),
                                       to_tensor(batch.targets, batch, device));
      figure.tokens += batch.counted;
    }
    if (figure.tokens == 0) continue;
    figure.loss = total / static_cast<double>(figure.tokens);
    figure.perplexity = std::exp(figure.loss);
    figures.push_back(figure);
  }
  if (parts_.set_training) parts_.set_training(true);
  return figures;
}

Result<TrainReport> TrainingLoop::run() {
  const RunRecipe& run = parts_.recipe.run;
  KITH_RETURN_IF_ERROR(open_data());
  KITH_RETURN_IF_ERROR(resume_if_asked());
  run_.start();
  std::vector<ValidationFigure> figures;
  if (run.validate_every > 0 && run_.state().step == 0 && run_.progress() < 1.0) {
    // What training starts from, to compare with.
    enter_stage();
    parts_.reporter.validation(0, validate());
  }
  while (run_.goes_on()) {
    KITH_RETURN_IF_ERROR(train_step());
    if (run.validate_every > 0 && run_.state().step % run.validate_every == 0) {
      figures = validate();
      parts_.reporter.validation(run_.state().step, figures);
    }
    KITH_RETURN_IF_ERROR(run_.save_if_due());
  }
  KITH_RETURN_IF_ERROR(run_.save_last());
  TrainReport report;
  report.finished = run_.progress() >= 1.0;
  if (report.finished) {
    if (sequence_ == 0) enter_stage();
    figures = validate();
    parts_.reporter.validation(run_.state().step, figures);
  }
  parts_.reporter.finish();
  run_.count(report);
  report.validation = std::move(figures);
  return report;
}

}  // namespace kith::train
