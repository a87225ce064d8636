#include "kith/persona/linear_trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/tensor/kernels.h"
#include "kith/tensor/team.h"

namespace kith::persona {
namespace {

// Passes over the examples at most, and the spread of the projected gradient at which a machine is
// good enough: LIBLINEAR's own for this solver is 0.1.
constexpr int kMaxPasses = 30;
constexpr float kTolerance = 0.1F;

// An example as the solver reads it.
struct Point {
  std::span<const WeighedRow> sparse;
  std::vector<float> dense;
  float squared_length = 0.0F;
};

class Machines {
 public:
  Machines(std::span<const TrainingExample> examples, const LinearOptions& options)
      : examples_(examples), options_(options), costs_(options.outputs) {
    for (const TrainingExample& example : examples) {
      if (example.label != kOutOfScope) costs_[example.label] += 1.0F;
    }
    const float mean =
        std::accumulate(costs_.begin(), costs_.end(), 0.0F) / static_cast<float>(options.outputs);
    for (float& cost : costs_) {
      cost = options.cost * std::pow(mean / std::max(cost, 1.0F), options.balance);
    }
    for (const TrainingExample& example : examples) points_.push_back(make_point(example));
  }

  LinearMap train() const {
    LinearMap map;
    map.weights.resize(options_.inputs * options_.outputs);
    map.bias.resize(options_.outputs);
    tensor::run_team(options_.threads, [&] {
      const auto share = tensor::team_share(options_.outputs);
      for (std::size_t label = share.begin; label < share.end; ++label) train_one(label, map);
    });
    return map;
  }

 private:
  Point make_point(const TrainingExample& example) const {
    const std::span rows(example.rows);
    Point point{.sparse = rows.first(rows.size() - options_.dense_inputs), .dense = {}};
    for (const WeighedRow& row : rows.last(options_.dense_inputs)) {
      point.dense.push_back(options_.dense_scale * row.weight);
    }
    point.squared_length = 1.0F;  // of the bias
    for (const WeighedRow& row : point.sparse) point.squared_length += row.weight * row.weight;
    for (const float value : point.dense) point.squared_length += value * value;
    return point;
  }

  std::size_t first_dense() const { return options_.inputs - options_.dense_inputs; }

  // weights: [inputs + 1], the last being the bias
  float margin(const Point& point, const std::vector<float>& weights) const {
    float sum = weights.back();
    for (const WeighedRow& row : point.sparse) sum += row.weight * weights[row.row];
    return sum + tensor::kernels().dot_row(weights.data() + first_dense(), point.dense.data(),
                                           point.dense.size());
  }

  void add(const Point& point, float step, std::vector<float>& weights) const {
    weights.back() += step;
    for (const WeighedRow& row : point.sparse) weights[row.row] += step * row.weight;
    tensor::kernels().add_row(point.dense.data(), step, point.dense.size(),
                              weights.data() + first_dense());
  }

  void train_one(std::size_t label, LinearMap& map) const {
    std::vector<float> weights(options_.inputs + 1);
    std::vector<float> duals(points_.size());
    std::vector<std::size_t> order(points_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    base::Rng rng(options_.seed + 0x9E3779B97F4A7C15ULL * (label + 1));
    for (int pass = 0; pass < kMaxPasses; ++pass) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
      if (sweep(label, order, weights, duals) <= kTolerance) break;
    }
    // What multiplied the vector is part of its weights from here on.
    for (std::size_t i = 0; i < options_.inputs; ++i) {
      const float scale = i < first_dense() ? 1.0F : options_.dense_scale;
      map.weights[i * options_.outputs + label] = scale * weights[i];
    }
    map.bias[label] = weights.back();
  }

  // One pass; returns the spread of the projected gradient.
  float sweep(std::size_t label, const std::vector<std::size_t>& order, std::vector<float>& weights,
              std::vector<float>& duals) const {
    float greatest = 0.0F;
    float least = 0.0F;
    for (const std::size_t i : order) {
      const bool is_own = examples_[i].label == label;
      const float sign = is_own ? 1.0F : -1.0F;
      const float diagonal = 0.5F / (is_own ? costs_[label] : options_.cost);
      const float gradient = sign * margin(points_[i], weights) - 1.0F + diagonal * duals[i];
      const float projected = duals[i] > 0.0F ? gradient : std::min(gradient, 0.0F);
      greatest = std::max(greatest, projected);
      least = std::min(least, projected);
      if (projected == 0.0F) continue;
      const float before = duals[i];
      duals[i] = std::max(before - gradient / (points_[i].squared_length + diagonal), 0.0F);
      add(points_[i], sign * (duals[i] - before), weights);
    }
    return greatest - least;
  }

  std::span<const TrainingExample> examples_;
  const LinearOptions& options_;
  std::vector<float> costs_;  // [outputs], of a mistake on the label's own examples
  std::vector<Point> points_;
};

}  // namespace

LinearMap train_linear(std::span<const TrainingExample> examples, const LinearOptions& options) {
  return Machines(examples, options).train();
}

}  // namespace kith::persona
