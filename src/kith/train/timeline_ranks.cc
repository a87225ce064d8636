#include "kith/train/timeline_ranks.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <unordered_map>

namespace kith::train {

using torch::Tensor;

namespace {

constexpr std::int32_t kFirstValue = 2;
constexpr std::size_t kRankedAtOnce = 64;
// Scores that are held at a time.
constexpr std::int64_t kMostScores = std::int64_t{1} << 26;

// A user whose last event has a value, and what was met before it.
struct Case {
  std::int64_t user;
  std::int64_t num_events;  // before the last
  std::int32_t right;
  std::unordered_map<std::int32_t, std::int64_t> kinds;
};

// Of the users whose last event no training saw, at most so many, spread evenly.
std::vector<Case> cases_of(const TimelineData& data, std::size_t feature, std::int64_t most) {
  std::vector<Case> cases;
  const HeldOut held_out = HeldOut::of(data);
  for (std::int64_t user = 0; user < data.num_users(); ++user) {
    const std::int64_t last = data.num_events(user) - 1;
    if (last < 1 || held_out.events_of(user) == 0) continue;
    const std::int32_t right = data.events(user, last, last + 1)[feature];
    if (right >= kFirstValue) cases.push_back({user, last, right, {}});
  }
  const auto found = static_cast<std::int64_t>(cases.size());
  for (std::int64_t i = 0; i < most && most < found; ++i) {
    cases[static_cast<std::size_t>(i)] =
        std::move(cases[static_cast<std::size_t>(i * found / most)]);
  }
  if (most < found) cases.resize(static_cast<std::size_t>(most));
  for (Case& one : cases) one.kinds = met_kinds(data, one.user, one.num_events, feature);
  return cases;
}

// The encoder's scores of each case: [cases, num_ids] float, on the CPU.
Tensor scores_of(const TimelineModel& model, const TimelineData& data, std::int64_t window,
                 std::size_t feature, std::span<const Case> cases) {
  const std::int64_t width = data.num_columns();
  std::int64_t length = 0;
  for (const Case& one : cases) length = std::max(length, std::min(one.num_events, window));
  const auto rows = static_cast<std::int64_t>(cases.size());
  std::vector<std::int64_t> ids(static_cast<std::size_t>(rows * length * width), -1);
  std::vector<std::int64_t> ends;
  for (std::int64_t row = 0; row < rows; ++row) {
    const Case& one = cases[static_cast<std::size_t>(row)];
    const std::int64_t first = std::max<std::int64_t>(0, one.num_events - window);
    const auto events = data.events(one.user, first, one.num_events);
    std::copy(events.begin(), events.end(), ids.begin() + row * length * width);
    ends.push_back(row * length + one.num_events - first - 1);
  }
  const auto device = model.decoder().device();
  const Tensor states =
      model.states(torch::tensor(ids, torch::kLong).view({rows, length, width}).to(device));
  const Tensor last = states.index_select(0, torch::tensor(ends, torch::kLong).to(device));
  return model.scores(last, feature).to(torch::kCPU).contiguous();
}

std::span<float> row_of(const Tensor& scores, std::int64_t row) {
  const auto size = static_cast<std::size_t>(scores.size(1));
  return {scores.data_ptr<float>() + static_cast<std::size_t>(row) * size, size};
}

std::int64_t rank_of(std::span<float> scores, const Case& one, const MetTerms& terms) {
  for (const auto& [id, kind] : one.kinds) {
    scores[static_cast<std::size_t>(id)] += static_cast<float>(terms.of(kind));
  }
  const float right = scores[static_cast<std::size_t>(one.right)];
  return std::count_if(scores.begin() + kFirstValue, scores.end(),
                       [right](float score) { return score > right; });
}

}  // namespace

RankedFeature rank_last_events(const TimelineModel& model, const TimelineData& data,
                               std::int64_t window, std::size_t feature) {
  const torch::NoGradGuard no_grad;
  const std::int64_t num_ids = model.features()[feature].num_ids;
  const std::int64_t most = std::max<std::int64_t>(kMostScores / num_ids, 1);
  const std::vector<Case> cases = cases_of(data, feature, most);
  std::vector<Tensor> scores;
  MetTermsFit fit;
  for (std::size_t first = 0; first < cases.size(); first += kRankedAtOnce) {
    const auto some =
        std::span(cases).subspan(first, std::min(kRankedAtOnce, cases.size() - first));
    scores.push_back(scores_of(model, data, window, feature, some));
    for (std::size_t i = 0; i < some.size(); ++i) {
      fit.add(row_of(scores.back(), static_cast<std::int64_t>(i)), some[i].kinds, some[i].right);
    }
  }
  RankedFeature ranked;
  ranked.figure.users = static_cast<std::int64_t>(cases.size());
  if (cases.empty()) return ranked;
  ranked.terms = fit.fit();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i % kRankedAtOnce);
    const auto rank = rank_of(row_of(scores[i / kRankedAtOnce], row), cases[i], ranked.terms);
    if (rank >= 10) continue;
    ranked.figure.hit_rate_10 += 1.0;
    ranked.figure.ndcg_10 += 1.0 / std::log2(static_cast<double>(rank) + 2.0);
  }
  ranked.figure.hit_rate_10 /= static_cast<double>(cases.size());
  ranked.figure.ndcg_10 /= static_cast<double>(cases.size());
  return ranked;
}

TimelineRanks rank_features(const TimelineModel& model, const TimelineData& data,
                            std::int64_t window) {
  TimelineRanks ranks;
  double weights = 0.0;
  for (std::size_t feature = 0; feature < model.features().size(); ++feature) {
    const TimelineFeature& spec = model.features()[feature];
    if (spec.predict <= 0.0) continue;
    RankedFeature ranked = rank_last_events(model, data, window, feature);
    if (ranked.figure.users == 0) continue;
    ranked.figure.name = spec.name;
    ranks.score += spec.predict * ranked.figure.ndcg_10;
    weights += spec.predict;
    ranks.terms.emplace_back(spec.name, std::move(ranked.terms));
    ranks.figures.push_back(std::move(ranked.figure));
  }
  if (weights > 0.0) ranks.score /= weights;
  return ranks;
}

}  // namespace kith::train
