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

// Added to the weight that an input has in a label's texts, and in the others, before their
// log-odds: an input of one text says little. Inputs of a text have squares that sum up to 1.
constexpr double kOddsSmoothing = 0.2;

// An example as the solver reads it.
struct Point {
  std::span<const WeighedRow> sparse;
  std::vector<float> dense;
  std::size_t label = 0;
};

// One label's machine while it is trained.
struct Machine {
  std::size_t label = 0;
  std::vector<float> squared_scales;   // of the sparse inputs
  std::vector<float> squared_lengths;  // of the points, the bias with them
  std::vector<float> weights;          // [inputs + 1]; the last is the bias
  std::vector<float> duals;            // of the points
};

class Machines {
 public:
  Machines(std::span<const TrainingExample> examples, const LinearOptions& options)
      : options_(options), costs_(options.outputs) {
    for (const TrainingExample& example : examples) {
      const std::size_t label = label_of(example);
      if (label != kOutOfScope) costs_[label] += 1.0F;
    }
    const float mean =
        std::accumulate(costs_.begin(), costs_.end(), 0.0F) / static_cast<float>(options.outputs);
    for (float& cost : costs_) {
      cost = options.cost * std::pow(mean / std::max(cost, 1.0F), options.balance);
    }
    totals_.resize(first_dense());
    for (const TrainingExample& example : examples) {
      points_.push_back(make_point(example));
      for (const WeighedRow& row : points_.back().sparse)
        totals_[row.row] += static_cast<double>(row.weight);
    }
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
  std::size_t label_of(const TrainingExample& example) const {
    const bool is_named = example.label != kOutOfScope || !options_.scope_output;
    return is_named ? example.label : options_.outputs - 1;
  }

  Point make_point(const TrainingExample& example) const {
    const std::span rows(example.rows);
    Point point{.sparse = rows.first(rows.size() - options_.dense_inputs),
                .dense = {},
                .label = label_of(example)};
    for (const WeighedRow& row : rows.last(options_.dense_inputs)) {
      point.dense.push_back(options_.dense_scale * row.weight);
    }
    return point;
  }

  std::size_t first_dense() const { return options_.inputs - options_.dense_inputs; }

  // Squares of what multiplies the sparse inputs: a mean of 1 and of the size of the label's
  // log-odds, these brought to a mean square of 1.
  std::vector<float> squared_scales_of(std::size_t label) const {
    std::vector<float> scales(totals_.size(), 1.0F);
    if (options_.log_odds <= 0.0F || scales.empty()) return scales;
    std::vector<double> own(scales.size(), kOddsSmoothing);
    for (const Point& point : points_) {
      if (point.label != label) continue;
      for (const WeighedRow& row : point.sparse) own[row.row] += static_cast<double>(row.weight);
    }
    const auto count = static_cast<double>(scales.size());
    const double own_sum = std::accumulate(own.begin(), own.end(), 0.0);
    const double rest_sum =
        std::accumulate(totals_.begin(), totals_.end(), 2.0 * kOddsSmoothing * count) - own_sum;
    double squares = 0.0;
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const double rest = std::max(totals_[i] + 2.0 * kOddsSmoothing - own[i], kOddsSmoothing);
      own[i] = std::abs(std::log(own[i] / own_sum) - std::log(rest / rest_sum));
      squares += own[i] * own[i];
    }
    const double inverse = squares > 0.0 ? std::sqrt(count / squares) : 0.0;
    const auto share = static_cast<double>(options_.log_odds);
    for (std::size_t i = 0; i < scales.size(); ++i) {
      scales[i] = static_cast<float>(std::pow(share * inverse * own[i] + 1.0 - share, 2.0));
    }
    return scales;
  }

  float squared_length_of(const Point& point, const std::vector<float>& squared_scales) const {
    float sum = 1.0F;  // of the bias
    for (const WeighedRow& row : point.sparse) {
      sum += squared_scales[row.row] * row.weight * row.weight;
    }
    for (const float value : point.dense) sum += value * value;
    return sum;
  }

  // The weights of scaled inputs are kept multiplied with their scales, so that inputs need not be.
  float margin(const Point& point, const std::vector<float>& weights) const {
    float sum = weights.back();
    for (const WeighedRow& row : point.sparse) sum += row.weight * weights[row.row];
    return sum + tensor::kernels().dot_row(weights.data() + first_dense(), point.dense.data(),
                                           point.dense.size());
  }

  void add(const Point& point, float step, Machine& machine) const {
    machine.weights.back() += step;
    for (const WeighedRow& row : point.sparse) {
      machine.weights[row.row] += step * machine.squared_scales[row.row] * row.weight;
    }
    tensor::kernels().add_row(point.dense.data(), step, point.dense.size(),
                              machine.weights.data() + first_dense());
  }

  void train_one(std::size_t label, LinearMap& map) const {
    Machine machine{.label = label,
                    .squared_scales = squared_scales_of(label),
                    .squared_lengths = {},
                    .weights = std::vector<float>(options_.inputs + 1),
                    .duals = std::vector<float>(points_.size())};
    for (const Point& point : points_) {
      machine.squared_lengths.push_back(squared_length_of(point, machine.squared_scales));
    }
    std::vector<std::size_t> order(points_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    base::Rng rng(options_.seed + 0x9E3779B97F4A7C15ULL * (label + 1));
    for (int pass = 0; pass < kMaxPasses; ++pass) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
      if (sweep(order, machine) <= kTolerance) break;
    }
    // What multiplied the vector is part of its weights from here on.
    for (std::size_t i = 0; i < options_.inputs; ++i) {
      const float scale = i < first_dense() ? 1.0F : options_.dense_scale;
      map.weights[i * options_.outputs + label] = scale * machine.weights[i];
    }
    map.bias[label] = machine.weights.back();
  }

  // One pass; returns the spread of the projected gradient.
  float sweep(const std::vector<std::size_t>& order, Machine& machine) const {
    float greatest = 0.0F;
    float least = 0.0F;
    for (const std::size_t i : order) {
      const bool is_own = points_[i].label == machine.label;
      const float sign = is_own ? 1.0F : -1.0F;
      const float diagonal = 0.5F / (is_own ? costs_[machine.label] : options_.cost);
      float& dual = machine.duals[i];
      const float gradient = sign * margin(points_[i], machine.weights) - 1.0F + diagonal * dual;
      const float projected = dual > 0.0F ? gradient : std::min(gradient, 0.0F);
      greatest = std::max(greatest, projected);
      least = std::min(least, projected);
      if (projected == 0.0F) continue;
      const float before = dual;
      dual = std::max(before - gradient / (machine.squared_lengths[i] + diagonal), 0.0F);
      add(points_[i], sign * (dual - before), machine);
    }
    return greatest - least;
  }

  const LinearOptions& options_;
  std::vector<float> costs_;  // [outputs], of a mistake on the label's own examples
  std::vector<Point> points_;
  std::vector<double> totals_;  // of each sparse input over all points
};

}  // namespace

LinearMap train_linear(std::span<const TrainingExample> examples, const LinearOptions& options) {
  return Machines(examples, options).train();
}

}  // namespace kith::persona
