#include "kith/train/decoder.h"

#include <cmath>
#include <numbers>

#include "kith/train/lora.h"

namespace kith::train {

using torch::Tensor;

namespace {

// The frequency of one rotary pair after Hugging Face's rope_scaling.
double scaled_frequency(double frequency, const RopeScaling& scaling) {
  if (scaling.type == "linear") return frequency / scaling.factor;
  if (scaling.type != "llama3") return frequency;
  const double original = static_cast<double>(scaling.original_max_position_embeddings);
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < original / scaling.high_freq_factor) return frequency;
  if (wavelength > original / scaling.low_freq_factor) return frequency / scaling.factor;
  const double smooth = (original / wavelength - scaling.low_freq_factor) /
                        (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1.0 - smooth) * frequency / scaling.factor + smooth * frequency;
}

}  // namespace

Decoder::Decoder(const ModelConfig& config, torch::Device device, torch::Dtype dtype)
    : config_(config),
      device_(device),
      dtype_(dtype),
      parameters_(decoder_parameters(config, layout_), device, dtype),
      rotary_(make_rotary()) {}

RotaryTable Decoder::make_rotary() const {
  const std::int64_t half = config_.head_dim / 2;
  Tensor frequencies = torch::empty({half}, torch::kDouble);
  for (std::int64_t i = 0; i < half; ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(config_.head_dim);
    const double frequency = std::pow(config_.rope_theta, -exponent);
    frequencies[i] = scaled_frequency(frequency, config_.rope_scaling);
  }
  const Tensor positions = torch::arange(config_.max_position_embeddings, torch::kDouble);
  const Tensor angles = torch::outer(positions, frequencies);
  return {angles.cos().to(device_, torch::kFloat), angles.sin().to(device_, torch::kFloat)};
}

const Tensor& Decoder::norm(std::int64_t layer, std::int64_t which) const {
  return parameters_.leaf(layout_.first_norm + static_cast<std::size_t>(2 * layer + which));
}

Tensor Decoder::project(const Tensor& x, std::int64_t layer, DecoderLayout::Matrix matrix) const {
  const std::size_t index =
      layout_.first_matrix + static_cast<std::size_t>(layer) * DecoderLayout::kPerLayer + matrix;
  const Tensor y = at::linear(x, parameters_.leaf(index));
  return lora_ == nullptr ? y : lora_->add(x, y, layer, matrix);
}

Tensor Decoder::without_some(const Tensor& delta) const {
  return dropout_ > 0.0 ? at::dropout(delta, dropout_, true) : delta;
}

Tensor Decoder::custom_hidden(Tensor residual, const AttentionShape& shape,
                              const BetweenParts& between) const {
  const double eps = config_.rms_norm_eps;
  Tensor x = rms_norm(residual, norm(0, 0), eps, dtype_);
  for (std::int64_t layer = 0; layer < config_.num_hidden_layers; ++layer) {
    const Tensor qkv = project(x, layer, DecoderLayout::kQkv);
    const Tensor attended = causal_attention(qkv, rotary_, shape);
    Tensor delta = without_some(project(attended, layer, DecoderLayout::kOutput));
    if (between) {
      const Tensor sum = residual + delta;
      const Tensor more = between(sum, layer);
      if (more.defined()) std::tie(residual, delta) = std::pair(sum, more);
    }
    std::tie(residual, x) = add_rms_norm(residual, delta, norm(layer, 1), eps);
    const Tensor gated = swiglu(project(x, layer, DecoderLayout::kGateUp));
    const Tensor down = without_some(project(gated, layer, DecoderLayout::kDown));
    // The norm after the last layer is the final norm, which stands next in the list.
    std::tie(residual, x) = add_rms_norm(residual, down, norm(layer + 1, 0), eps);
  }
  return x;
}

Tensor Decoder::plain_hidden(Tensor residual, const AttentionShape& shape,
                             const BetweenParts& between) const {
  const double eps = config_.rms_norm_eps;
  for (std::int64_t layer = 0; layer < config_.num_hidden_layers; ++layer) {
    Tensor x = plain::rms_norm(residual, norm(layer, 0), eps, dtype_);
    const Tensor qkv = project(x, layer, DecoderLayout::kQkv);
    const Tensor attended = plain::causal_attention(qkv, rotary_, shape);
    residual = residual + without_some(project(attended, layer, DecoderLayout::kOutput));
    if (const Tensor more = between ? between(residual, layer) : Tensor(); more.defined()) {
      residual = residual + more;
    }
    x = plain::rms_norm(residual, norm(layer, 1), eps, dtype_);
    const Tensor gated = plain::swiglu(project(x, layer, DecoderLayout::kGateUp));
    residual = residual + without_some(project(gated, layer, DecoderLayout::kDown));
  }
  return plain::rms_norm(residual, norm(config_.num_hidden_layers, 0), eps, dtype_);
}

Tensor Decoder::embed(const Tensor& ids) const {
  return at::embedding(parameters_.lookup_leaf(layout_.embedding), ids.reshape({-1}));
}

const Tensor& Decoder::embedding() const { return parameters_.leaf(layout_.embedding); }

Tensor Decoder::hidden(const Tensor& ids) const {
  return hidden_of(embed(ids), ids.size(0), ids.size(1));
}

Tensor Decoder::hidden_of(const Tensor& rows, std::int64_t batch, std::int64_t sequence,
                          const BetweenParts& between) const {
  constexpr std::int64_t kQueryBlock = 128;
  TORCH_CHECK(sequence <= config_.max_position_embeddings, "sequence of ", sequence,
              " tokens exceeds max_position_embeddings ", config_.max_position_embeddings);
  const AttentionShape shape{batch,
                             sequence,
                             config_.num_attention_heads,
                             config_.num_key_value_heads,
                             config_.head_dim,
                             std::min(kQueryBlock, sequence)};
  return operations_ == Operations::kCustom ? custom_hidden(rows, shape, between)
                                            : plain_hidden(rows, shape, between);
}

Tensor Decoder::loss(const Tensor& ids, const Tensor& targets, double scale,
                     const Tensor& weights) const {
  const Tensor x = hidden(ids);
  const Tensor& head = parameters_.leaf(layout_.head);
  const Tensor flat = targets.reshape({-1});
  const Tensor factors = weights.defined() ? weights.reshape({-1}) : weights;
  return operations_ == Operations::kCustom
             ? linear_cross_entropy(x, head, flat, scale, factors)
             : plain::linear_cross_entropy(x, head, flat, scale, factors);
}

Tensor Decoder::log_probabilities(const Tensor& ids, const Tensor& targets) const {
  const Tensor x = hidden(ids).to(torch::kFloat);
  const Tensor head = parameters_.master_of(layout_.head);
  const std::int64_t sequence = ids.size(1);
  std::vector<Tensor> rows;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const Tensor own = x.narrow(0, row * sequence, sequence);
    rows.push_back(linear_cross_entropy(own, head, targets[row], -1.0));
  }
  return torch::stack(rows);
}

Tensor Decoder::logits(const Tensor& ids) const {
  const Tensor head = parameters_.master_of(layout_.head);
  return at::linear(hidden(ids).to(torch::kFloat), head);
}

double Decoder::evaluate(const Tensor& ids, const Tensor& targets) const {
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kRows = 512;
  const Tensor x = hidden(ids);
  const Tensor flat = targets.reshape({-1});
  const Tensor head = parameters_.master_of(layout_.head);
  double total = 0.0;
  for (std::int64_t begin = 0; begin < x.size(0); begin += kRows) {
    const std::int64_t rows = std::min(kRows, x.size(0) - begin);
    const Tensor h = x.narrow(0, begin, rows).to(torch::kFloat);
    total += plain::linear_cross_entropy(h, head, flat.narrow(0, begin, rows), 1.0).item<double>();
  }
  return total;
}

}  // namespace kith::train
