#include "kith/train/timeline_loop.h"

#include <cmath>

namespace kith::train {

using torch::Tensor;

namespace {

// Validation keeps the last event of every user from training.
constexpr std::int64_t kHeldOut = 1;
constexpr std::int64_t kFirstValue = 2;
constexpr std::int64_t kRankedAtOnce = 64;

// The last events of some users, padded behind, and where each row ends.
struct Histories {
  TimelineBatch batch;
  std::vector<std::int64_t> ends;  // index of the last event
  std::vector<std::int64_t> next;  // the value that follows, of the ranked feature
};

void add_history(const TimelineData& data, std::int64_t user, std::int64_t window,
                 std::size_t feature, std::vector<std::span<const std::int32_t>>& rows,
                 Histories& to) {
  const std::int64_t last = data.num_events(user) - kHeldOut;
  if (last < 1) return;
  const auto held_out = data.events(user, last, last + 1);
  if (held_out[feature] < kFirstValue) return;
  rows.push_back(data.events(user, std::max<std::int64_t>(0, last - window), last));
  to.next.push_back(held_out[feature]);
  to.ends.push_back(static_cast<std::int64_t>(rows.back().size()) / data.num_features() - 1);
  to.batch.length = std::max(to.batch.length, to.ends.back() + 1);
}

Histories histories_of(const TimelineData& data, std::int64_t first_user, std::int64_t window,
                       std::size_t feature) {
  Histories made;
  std::vector<std::span<const std::int32_t>> rows;
  const std::int64_t end = std::min(data.num_users(), first_user + kRankedAtOnce);
  for (std::int64_t user = first_user; user < end; ++user) {
    add_history(data, user, window, feature, rows, made);
  }
  made.batch.rows = static_cast<std::int64_t>(rows.size());
  const auto row_size = static_cast<std::size_t>(made.batch.length * data.num_features());
  made.batch.ids.assign(row_size * rows.size(), -1);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::copy(rows[row].begin(), rows[row].end(),
              made.batch.ids.begin() + static_cast<std::ptrdiff_t>(row * row_size));
  }
  return made;
}

// How many values score higher than the right one, [rows] int64.
Tensor values_above(const TimelineModel& model, const Histories& made, std::size_t feature) {
  const auto device = model.decoder().device();
  const auto features = static_cast<std::int64_t>(model.features().size());
  const Tensor states = model.states(to_tensor(made.batch, features, device));
  const Tensor rows = torch::arange(made.batch.rows, torch::kLong) * made.batch.length +
                      torch::tensor(made.ends, torch::kLong);
  const Tensor scores =
      model.scores(states.index_select(0, rows.to(device)), feature).slice(1, kFirstValue);
  const Tensor next = (torch::tensor(made.next, torch::kLong) - kFirstValue).to(device);
  return scores.gt(scores.gather(1, next.unsqueeze(1))).sum(1).to(torch::kCPU);
}

}  // namespace

RankFigure rank_last_events(const TimelineModel& model, const TimelineData& data,
                            std::int64_t window, std::size_t feature) {
  const torch::NoGradGuard no_grad;
  RankFigure figure;
  double hits = 0.0;
  double gain = 0.0;
  for (std::int64_t user = 0; user < data.num_users(); user += kRankedAtOnce) {
    const Histories made = histories_of(data, user, window, feature);
    if (made.batch.rows == 0) continue;
    const Tensor above = values_above(model, made, feature);
    for (std::int64_t row = 0; row < made.batch.rows; ++row) {
      const auto before = above[row].item<std::int64_t>();
      if (before >= 10) continue;
      hits += 1.0;
      gain += 1.0 / std::log2(static_cast<double>(before) + 2.0);
    }
    figure.users += made.batch.rows;
  }
  if (figure.users == 0) return figure;
  figure.hit_rate_10 = hits / static_cast<double>(figure.users);
  figure.ndcg_10 = gain / static_cast<double>(figure.users);
  return figure;
}

TimelineLoop::TimelineLoop(Parts parts)
    : parts_(std::move(parts)),
      stream_(parts_.data, parts_.recipe.timeline.window, kHeldOut, parts_.recipe.seed),
      run_(parts_.recipe, parts_.options, parts_.model.decoder().parameters(), parts_.reporter,
           parts_.config) {}

Status TimelineLoop::resume_if_asked() {
  KITH_ASSIGN_OR_RETURN(const bool resumes, run_.resume_if_asked());
  if (!resumes) return {};
  KITH_RETURN_IF_ERROR(stream_.seek(run_.position(), parts_.recipe.run.batch_tokens));
  parts_.reporter.say("resumed at step " + std::to_string(run_.state().step));
  return {};
}

double TimelineLoop::accumulate_gradients(std::int64_t& events) {
  const TimelineBatch batch = stream_.next(parts_.recipe.run.batch_tokens);
  events = batch.rows * (batch.length - 1);
  torch::manual_seed(parts_.recipe.seed + static_cast<std::uint64_t>(run_.state().step));
  const Tensor loss = parts_.model.loss(
      to_tensor(batch, parts_.data.num_features(), parts_.model.decoder().device()));
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

std::vector<RankFigure> TimelineLoop::validate() {
  std::vector<RankFigure> figures;
  parts_.model.decoder().set_dropout(0.0);
  const auto& features = parts_.model.features();
  for (std::size_t feature = 0; feature < features.size(); ++feature) {
    if (features[feature].predict <= 0.0) continue;
    RankFigure figure =
        rank_last_events(parts_.model, parts_.data, parts_.recipe.timeline.window, feature);
    if (figure.users == 0) continue;
    figure.name = features[feature].name;
    figures.push_back(std::move(figure));
  }
  parts_.model.decoder().set_dropout(parts_.recipe.timeline.dropout);
  return figures;
}

Result<TrainReport> TimelineLoop::run() {
  KITH_RETURN_IF_ERROR(resume_if_asked());
  run_.start();
  parts_.model.decoder().set_dropout(parts_.recipe.timeline.dropout);
  const std::int64_t every = parts_.recipe.run.validate_every;
  while (run_.goes_on()) {
    KITH_RETURN_IF_ERROR(train_step());
    if (every > 0 && run_.state().step % every == 0)
      parts_.reporter.ranks(run_.state().step, validate());
    KITH_RETURN_IF_ERROR(run_.save_if_due());
  }
  KITH_RETURN_IF_ERROR(run_.save_last());
  TrainReport report;
  report.finished = run_.progress() >= 1.0;
  if (report.finished) {
    report.ranks = validate();
    parts_.reporter.ranks(run_.state().step, report.ranks);
  }
  parts_.reporter.finish();
  run_.count(report);
  return report;
}

}  // namespace kith::train
