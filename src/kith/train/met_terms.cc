#include "kith/train/met_terms.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::train {

using torch::Tensor;

namespace {

constexpr std::int32_t kFirstValue = 2;
// A term of ten is a factor of twenty thousand: as good as never.
constexpr double kPriorDeviation = 5.0;
constexpr int kNewtonSteps = 30;

std::int64_t recency_of(std::int64_t since) {
  const auto width = static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(since)));
  return std::min<std::int64_t>(width - 1, kMetRecencies - 1);
}

std::int64_t count_of(std::int64_t times) {
  if (times >= 5) return 3;
  return times >= 3 ? 2 : times - 1;
}

// Which terms hold for each kind; none for what was not met: [kMetKinds + 1, terms].
Tensor kinds_by_terms() {
  Tensor design = torch::zeros({kMetKinds + 1, kMetRecencies + kMetCounts}, torch::kDouble);
  for (std::int64_t kind = 0; kind < kMetKinds; ++kind) {
    design[kind][kind / kMetCounts] = 1.0;
    design[kind][kMetRecencies + kind % kMetCounts] = 1.0;
  }
  return design;
}

// Mean log-likelihood less the prior, which a step has to raise.
double objective(const Tensor& log_sums, const Tensor& rights, const Tensor& design,
                 const Tensor& weights) {
  const Tensor utilities = log_sums + design.matmul(weights);
  const Tensor right = utilities.gather(1, rights.unsqueeze(1)).squeeze(1);
  const double likelihood = (right - utilities.logsumexp(1)).sum().item<double>();
  const double prior = weights.square().sum().item<double>();
  return likelihood - 0.5 * prior / (kPriorDeviation * kPriorDeviation);
}

Tensor newton_step(const Tensor& log_sums, const Tensor& rights, const Tensor& design,
                   const Tensor& weights) {
  constexpr double kPrecision = 1.0 / (kPriorDeviation * kPriorDeviation);
  const Tensor shares = (log_sums + design.matmul(weights)).softmax(1);
  const Tensor came = torch::zeros_like(shares).scatter(1, rights.unsqueeze(1), 1.0);
  const Tensor gradient =
      design.t().matmul((came - shares).sum(0).unsqueeze(1)) - kPrecision * weights.unsqueeze(1);
  const Tensor spread = torch::diag(shares.sum(0)) - shares.t().matmul(shares);
  const Tensor hessian = design.t().matmul(spread).matmul(design) +
                         kPrecision * torch::eye(design.size(1), torch::kDouble);
  return hessian.inverse().matmul(gradient).squeeze(1);
}

}  // namespace

std::unordered_map<std::int32_t, std::int64_t> met_kinds(const TimelineData& data,
                                                         std::int64_t user, std::int64_t num_events,
                                                         std::size_t feature) {
  const std::int64_t first = std::max<std::int64_t>(0, num_events - kMetEvents);
  const auto events = data.events(user, first, num_events);
  const auto width = static_cast<std::size_t>(data.num_columns());
  std::unordered_map<std::int32_t, std::pair<std::int64_t, std::int64_t>> meetings;
  for (std::int64_t since = 1; since <= num_events - first; ++since) {
    const auto row = static_cast<std::size_t>(num_events - first - since);
    const std::int32_t id = events[row * width + feature];
    if (id >= kFirstValue) ++meetings.try_emplace(id, since, 0).first->second.second;
  }
  std::unordered_map<std::int32_t, std::int64_t> kinds;
  for (const auto& [id, meeting] : meetings) {
    kinds.emplace(id, recency_of(meeting.first) * kMetCounts + count_of(meeting.second));
  }
  return kinds;
}

void MetTermsFit::add(std::span<const float> scores,
                      const std::unordered_map<std::int32_t, std::int64_t>& kinds,
                      std::int32_t right) {
  const float highest = *std::max_element(scores.begin() + kFirstValue, scores.end());
  std::vector<double> sums(kMetKinds + 1, 0.0);
  for (std::size_t id = kFirstValue; id < scores.size(); ++id) {
    const auto met = kinds.find(static_cast<std::int32_t>(id));
    const auto kind = static_cast<std::size_t>(met == kinds.end() ? kMetKinds : met->second);
    sums[kind] += std::exp(static_cast<double>(scores[id] - highest));
  }
  // Within a kind the value that came is chosen by its score alone, which no term changes.
  for (const double sum : sums) {
    log_sums_.push_back(sum > 0.0 ? std::log(sum) : -1e6);
  }
  const auto came = kinds.find(right);
  rights_.push_back(came == kinds.end() ? kMetKinds : came->second);
}

MetTerms MetTermsFit::fit() const {
  MetTerms terms;
  if (rights_.empty()) return terms;
  const torch::NoGradGuard no_grad;
  const auto cases = static_cast<std::int64_t>(rights_.size());
  const Tensor log_sums = torch::tensor(log_sums_, torch::kDouble).view({cases, kMetKinds + 1});
  const Tensor rights = torch::tensor(rights_, torch::kLong);
  const Tensor design = kinds_by_terms();
  Tensor weights = torch::zeros({design.size(1)}, torch::kDouble);
  double best = objective(log_sums, rights, design, weights);
  for (int i = 0; i < kNewtonSteps; ++i) {
    Tensor step = newton_step(log_sums, rights, design, weights);
    double raised = objective(log_sums, rights, design, weights + step);
    for (int halving = 0; halving < 10 && !(raised >= best); ++halving) {
      step = 0.5 * step;
      raised = objective(log_sums, rights, design, weights + step);
    }
    if (!(raised > best + 1e-9)) break;
    weights = weights + step;
    best = raised;
  }
  for (std::int64_t i = 0; i < design.size(1); ++i) {
    const auto value = weights[i].item<double>();
    if (i < kMetRecencies) {
      terms.recency[static_cast<std::size_t>(i)] = value;
    } else {
      terms.count[static_cast<std::size_t>(i - kMetRecencies)] = value;
    }
  }
  return terms;
}

Status save_met_terms(const std::vector<std::pair<std::string, MetTerms>>& terms,
                      const std::filesystem::path& file) {
  base::OrderedJson json = base::OrderedJson::object();
  for (const auto& [feature, numbers] : terms) {
    json[feature] = {{"recency", numbers.recency}, {"count", numbers.count}};
  }
  return base::write_file_atomically(file, base::dump_json(json) + "\n");
}

}  // namespace kith::train
