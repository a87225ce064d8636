#include "kith/persona/network_trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/tensor/kernels.h"
#include "kith/tensor/team.h"

namespace kith::persona {
namespace {

constexpr float kBeta1 = 0.9F;
constexpr float kBeta2 = 0.999F;
constexpr float kEpsilon = 1e-8F;
constexpr float kInitialSpread = 0.1F;

// A matrix with what Adam remembers of it.
class Parameters {
 public:
  Parameters(std::size_t rows, std::size_t columns)
      : columns_(columns),
        values_(rows * columns),
        means_(values_.size()),
        squares_(values_.size()) {}

  std::span<float> row(std::size_t i) { return std::span(values_).subspan(i * columns_, columns_); }
  std::span<const float> row(std::size_t i) const {
    return std::span(values_).subspan(i * columns_, columns_);
  }
  const std::vector<float>& values() const { return values_; }

  void step(std::size_t i, std::span<const float> gradient, const tensor::AdamStep& adam) {
    const std::size_t at = i * columns_;
    tensor::kernels().adam_row(adam, gradient.data(), columns_,
                               {&values_[at], &means_[at], &squares_[at]});
  }

 private:
  std::size_t columns_;
  std::vector<float> values_;
  std::vector<float> means_;
  std::vector<float> squares_;
};

// Standard normal by Box and Muller.
float draw_normal(base::Rng& rng) {
  constexpr double kTurn = 6.283185307179586;
  const double radius = std::sqrt(-2.0 * std::log(1.0 - rng.uniform()));
  return static_cast<float>(radius * std::cos(kTurn * rng.uniform()));
}

// One example of a batch, between its forward pass and the weights' step.
struct Pass {
  // Its inputs after dropout.
  std::vector<WeighedRow> rows;
  std::vector<float> z;           // [outputs + hidden]
  std::vector<float> activation;  // [hidden], after relu and dropout
  // d loss / d z; the first `outputs` are d loss / d y.
  std::vector<float> gradient;  // [outputs + hidden]
};

// An input of an example of the batch, in a list of those of the same row.
struct Use {
  std::uint32_t row = 0;
  std::uint32_t example = 0;
  float weight = 0.0F;
};

class Trainer {
 public:
  Trainer(std::span<const TrainingExample> examples, const NetworkOptions& options)
      : examples_(examples),
        options_(options),
        width_(options.outputs + options.hidden),
        input_(options.inputs, width_),
        bias_(1, width_),
        output_(options.hidden, options.outputs),
        passes_(options.batch) {
    base::Rng rng(options.seed);
    for (std::size_t i = 0; i < options.inputs; ++i) {
      for (float& value : input_.row(i).subspan(options.outputs)) {
        value = kInitialSpread * draw_normal(rng);
      }
    }
    const float spread =
        1.0F / std::sqrt(static_cast<float>(std::max<std::size_t>(options.hidden, 1)));
    for (std::size_t i = 0; i < options.hidden; ++i) {
      for (float& value : output_.row(i)) {
        value = spread * static_cast<float>(2.0 * rng.uniform() - 1.0);
      }
    }
    order_.resize(examples.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    for (Pass& pass : passes_) {
      pass.activation.resize(options.hidden);
      pass.gradient.resize(width_);
    }
  }

  void run(const std::function<void(double)>& progress) {
    const std::size_t per_epoch = (examples_.size() + options_.batch - 1) / options_.batch;
    const std::size_t total = per_epoch * options_.epochs;
    base::Rng rng(options_.seed ^ 0x5851F42D4C957F2DULL);
    for (std::size_t epoch = 0; epoch < options_.epochs; ++epoch) {
      for (std::size_t i = order_.size(); i > 1; --i) {
        std::swap(order_[i - 1], order_[rng.below(i)]);
      }
      for (std::size_t first = 0; first < order_.size(); first += options_.batch) {
        const std::size_t count = std::min(options_.batch, order_.size() - first);
        step(std::span(order_).subspan(first, count), total);
      }
      if (progress) progress(static_cast<double>(epoch + 1) / static_cast<double>(options_.epochs));
    }
  }

  NetworkWeights finish() const {
    const auto bias = bias_.row(0);
    return {.outputs = options_.outputs,
            .input = input_.values(),
            .bias = {bias.begin(), bias.end()},
            .output = output_.values()};
  }

 private:
  void step(std::span<const std::size_t> batch, std::size_t total) {
    const auto done = static_cast<float>(num_steps_);
    const float rate = options_.learning_rate * (1.0F - done / static_cast<float>(total));
    ++num_steps_;
    const auto t = static_cast<double>(num_steps_);
    const tensor::AdamStep adam{
        .rate = rate / static_cast<float>(1.0 - std::pow(static_cast<double>(kBeta1), t)),
        .beta1 = kBeta1,
        .beta2 = kBeta2,
        .square_correction =
            static_cast<float>(1.0 / (1.0 - std::pow(static_cast<double>(kBeta2), t))),
        .epsilon = kEpsilon};
    tensor::run_team(options_.threads, [&] {
      const auto share = tensor::team_share(batch.size());
      for (std::size_t i = share.begin; i < share.end; ++i) {
        forward(examples_[batch[i]], i);
        backward(examples_[batch[i]], static_cast<float>(batch.size()), passes_[i]);
      }
      tensor::team_wait();
      step_output(batch.size(), adam);
      step_input(batch.size(), adam);
    });
  }

  void forward(const TrainingExample& example, std::size_t place) {
    Pass& pass = passes_[place];
    // A generator of its own for every pass, so that threads make no difference.
    base::Rng rng(options_.seed + 0x9E3779B97F4A7C15ULL * (num_steps_ * options_.batch + place));
    const double input_keep = 1.0 - static_cast<double>(options_.input_dropout);
    const auto scale = static_cast<float>(1.0 / input_keep);
    pass.rows.clear();
    for (const WeighedRow& row : example.rows) {
      if (rng.uniform() < input_keep) pass.rows.push_back({row.row, row.weight * scale});
    }
    const auto bias = bias_.row(0);
    pass.z.assign(bias.begin(), bias.end());
    const tensor::Kernels& kernels = tensor::kernels();
    for (const WeighedRow& row : pass.rows) {
      kernels.add_row(input_.row(row.row).data(), row.weight, width_, pass.z.data());
    }
    const double hidden_keep = 1.0 - static_cast<double>(options_.hidden_dropout);
    const auto hidden_scale = static_cast<float>(1.0 / hidden_keep);
    for (std::size_t j = 0; j < options_.hidden; ++j) {
      const float value = pass.z[options_.outputs + j];
      const bool is_kept = rng.uniform() < hidden_keep;
      pass.activation[j] = value > 0.0F && is_kept ? value * hidden_scale : 0.0F;
      if (pass.activation[j] > 0.0F) {
        kernels.add_row(output_.row(j).data(), pass.activation[j], options_.outputs, pass.z.data());
      }
    }
  }

  // d loss / d z, divided by the number of examples in the batch.
  void backward(const TrainingExample& example, float batch_size, Pass& pass) const {
    const std::size_t outputs = options_.outputs;
    const auto gradient = std::span(pass.gradient).first(outputs);
    if (example.target.empty()) {
      entropy_gradient(example.label, std::span(pass.z).first(outputs), gradient);
    } else {
      for (std::size_t k = 0; k < outputs; ++k) gradient[k] = pass.z[k] - example.target[k];
    }
    for (float& value : gradient) value /= batch_size;
    const auto scale = 1.0F / (1.0F - options_.hidden_dropout);
    for (std::size_t j = 0; j < options_.hidden; ++j) {
      float sum = 0.0F;
      if (pass.activation[j] > 0.0F) {
        sum = scale * tensor::kernels().dot_row(output_.row(j).data(), gradient.data(), outputs);
      }
      pass.gradient[outputs + j] = sum;
    }
  }

  // softmax(y) - target, the target smoothed; uniform for a text out of scope.
  void entropy_gradient(std::size_t label, std::span<const float> y,
                        std::span<float> gradient) const {
    const float greatest = *std::max_element(y.begin(), y.end());
    double total = 0.0;
    for (std::size_t k = 0; k < y.size(); ++k) {
      gradient[k] = std::exp(y[k] - greatest);
      total += static_cast<double>(gradient[k]);
    }
    const float spread = label != kOutOfScope ? options_.label_smoothing : 1.0F;
    const float floor = spread / static_cast<float>(y.size());
    const auto inverse = static_cast<float>(1.0 / total);
    for (std::size_t k = 0; k < y.size(); ++k) {
      gradient[k] = gradient[k] * inverse - floor - (k == label ? 1.0F - spread : 0.0F);
    }
  }

  // Called by the whole team: every member has rows of its own.
  void step_output(std::size_t batch, const tensor::AdamStep& adam) {
    const tensor::Kernels& kernels = tensor::kernels();
    std::vector<float> gradient(width_);
    const auto share = tensor::team_share(options_.hidden);
    for (std::size_t j = share.begin; j < share.end; ++j) {
      std::fill(gradient.begin(), gradient.end(), 0.0F);
      for (std::size_t i = 0; i < batch; ++i) {
        if (passes_[i].activation[j] > 0.0F) {
          kernels.add_row(passes_[i].gradient.data(), passes_[i].activation[j], options_.outputs,
                          gradient.data());
        }
      }
      output_.step(j, gradient, adam);
    }
    if (tensor::team_rank() != 0) return;
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    for (std::size_t i = 0; i < batch; ++i) {
      kernels.add_row(passes_[i].gradient.data(), 1.0F, width_, gradient.data());
    }
    bias_.step(0, gradient, adam);
  }

  // Called by the whole team: every member takes the rows whose number is its own modulo the size.
  void step_input(std::size_t batch, const tensor::AdamStep& adam) {
    const auto size = static_cast<std::uint32_t>(tensor::team_size());
    const auto rank = static_cast<std::uint32_t>(tensor::team_rank());
    std::vector<Use> uses;
    for (std::size_t i = 0; i < batch; ++i) {
      for (const WeighedRow& row : passes_[i].rows) {
        if (row.row % size != rank) continue;
        uses.push_back({row.row, static_cast<std::uint32_t>(i), row.weight});
      }
    }
    std::sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) {
      return a.row != b.row ? a.row < b.row : a.example < b.example;
    });
    std::vector<float> gradient(width_);
    for (auto use = uses.begin(); use != uses.end();) {
      const std::uint32_t row = use->row;
      std::fill(gradient.begin(), gradient.end(), 0.0F);
      for (; use != uses.end() && use->row == row; ++use) {
        tensor::kernels().add_row(passes_[use->example].gradient.data(), use->weight, width_,
                                  gradient.data());
      }
      input_.step(row, gradient, adam);
    }
  }

  std::span<const TrainingExample> examples_;
  NetworkOptions options_;
  std::size_t width_;
  Parameters input_;
  Parameters bias_;
  Parameters output_;
  std::vector<Pass> passes_;
  std::vector<std::size_t> order_;
  std::size_t num_steps_ = 0;
};

}  // namespace

NetworkWeights train_network(std::span<const TrainingExample> examples,
                             const NetworkOptions& options,
                             const std::function<void(double)>& progress) {
  Trainer trainer(examples, options);
  trainer.run(progress);
  return trainer.finish();
}

}  // namespace kith::persona
