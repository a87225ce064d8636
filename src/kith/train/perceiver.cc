#include "kith/train/perceiver.h"

#include <bit>
#include <cmath>
#include <utility>

#include "kith/train/ops.h"

namespace kith::train {

using torch::Tensor;

namespace {

constexpr double kNormEps = 1e-6;
constexpr std::size_t kVectorsPerLayer = 3;  // two norms and the bias by age

// log2(age + 1), rounded down.
std::int64_t age_bucket(std::int64_t age) {
  return std::bit_width(static_cast<std::uint64_t>(age) + 1) - 1;
}

void add_layer_matrices(const PerceiverRecipe& shape, std::int64_t width, const std::string& prefix,
                        std::vector<ParameterSpec>& specs) {
  const double in_std = 1.0 / std::sqrt(static_cast<double>(width));
  const double out_std = in_std / std::sqrt(2.0 * static_cast<double>(shape.num_layers));
  specs.push_back({{width, width}, {{prefix + "q_proj.weight", width}}, in_std});
  specs.push_back({{2 * width, width},
                   {{prefix + "k_proj.weight", width}, {prefix + "v_proj.weight", width}},
                   in_std});
  specs.push_back({{width, width}, {{prefix + "o_proj.weight", width}}, out_std});
  specs.push_back({{2 * shape.intermediate_size, width},
                   {{prefix + "gate_proj.weight", shape.intermediate_size},
                    {prefix + "up_proj.weight", shape.intermediate_size}},
                   in_std});
  specs.push_back(
      {{width, shape.intermediate_size}, {{prefix + "down_proj.weight", width}}, out_std});
}

}  // namespace

std::int64_t num_age_buckets(std::int64_t window) { return age_bucket(window - 1) + 1; }

std::vector<ParameterSpec> Perceiver::specs_of(const PerceiverRecipe& shape, std::int64_t width,
                                               std::int64_t window) {
  const auto prefix = [](std::int64_t layer) { return "layers." + std::to_string(layer) + "."; };
  const double in_std = 1.0 / std::sqrt(static_cast<double>(width));
  std::vector<ParameterSpec> specs;
  specs.push_back({{shape.num_latents, width}, {{"latents", shape.num_latents}}, in_std});
  specs.push_back({{width, width}, {{"vector_proj.weight", width}}, in_std});
  for (std::int64_t i = 0; i < shape.num_layers; ++i) {
    add_layer_matrices(shape, width, prefix(i), specs);
  }
  const std::int64_t biases = shape.num_attention_heads * num_age_buckets(window);
  for (std::int64_t i = 0; i < shape.num_layers; ++i) {
    specs.push_back({{width}, {{prefix(i) + "attn_norm.weight", width}}});
    specs.push_back({{width}, {{prefix(i) + "mlp_norm.weight", width}}});
    specs.push_back({{biases}, {{prefix(i) + "age_bias", biases}}});
  }
  specs.push_back({{width}, {{"norm.weight", width}}});
  specs.push_back({{1}, {{"sharpness", 1}}});
  return specs;
}

Perceiver::Perceiver(const PerceiverRecipe& shape, std::int64_t width, std::int64_t window,
                     torch::Device device, torch::Dtype dtype)
    : shape_(shape),
      width_(width),
      window_(window),
      dtype_(dtype),
      parameters_(specs_of(shape, width, window), device, dtype) {}

const Tensor& Perceiver::matrix(std::int64_t layer, Matrix which) const {
  return parameters_.leaf(kFirstMatrix + static_cast<std::size_t>(layer) * kMatricesPerLayer +
                          which);
}

const Tensor& Perceiver::vector(std::int64_t layer, Vector which) const {
  const std::size_t first =
      kFirstMatrix + static_cast<std::size_t>(shape_.num_layers) * kMatricesPerLayer;
  return parameters_.leaf(first + static_cast<std::size_t>(layer) * kVectorsPerLayer + which);
}

// Of each state behind a user's last one, and of those before the window, minus infinity; of the
// others the bias of their age's bucket.
//   returns: [users, heads, 1, length] float
Tensor Perceiver::age_bias(const Tensor& lengths, std::int64_t length, std::int64_t layer) const {
  const Tensor places = torch::arange(length, lengths.options());
  const Tensor ages = lengths.unsqueeze(1) - 1 - places;  // [users, length]
  const Tensor counts = ages.ge(0).logical_and(ages.lt(window_));
  std::vector<std::int64_t> buckets;
  for (std::int64_t age = 0; age < window_; ++age) buckets.push_back(age_bucket(age));
  const Tensor of_age =
      torch::tensor(buckets, lengths.options()).index({ages.clamp(0, window_ - 1)});
  const Tensor table = vector(layer, kAgeBias).view({shape_.num_attention_heads, -1});
  const Tensor bias = table.index_select(1, of_age.reshape({-1}))
                          .view({shape_.num_attention_heads, ages.size(0), length})
                          .transpose(0, 1);
  return bias.masked_fill(counts.logical_not().unsqueeze(1), -INFINITY).unsqueeze(2);
}

Tensor Perceiver::attend(const Tensor& latents, const Tensor& states, const Tensor& bias,
                         std::int64_t layer) const {
  const std::int64_t users = states.size(0);
  const std::int64_t heads = shape_.num_attention_heads;
  const auto by_head = [&](const Tensor& rows) {
    return rows.view({users, -1, heads, width_ / heads}).transpose(1, 2);
  };
  const Tensor normed = plain::rms_norm(latents.reshape({-1, width_}),
                                        vector(layer, kAttentionNorm), kNormEps, dtype_);
  const Tensor queries = by_head(at::linear(normed, matrix(layer, kQuery)));
  const auto pair = at::linear(states, matrix(layer, kKeyValue)).chunk(2, -1);
  const double scale = 1.0 / std::sqrt(static_cast<double>(width_ / heads));
  const Tensor keys = by_head(pair[0].contiguous());
  const Tensor scores = at::matmul(queries, keys.transpose(2, 3)).to(torch::kFloat) * scale;
  const Tensor shares = (scores + bias).softmax(-1).to(dtype_);
  const Tensor mixed = at::matmul(shares, by_head(pair[1].contiguous()));
  return at::linear(mixed.transpose(1, 2).reshape({-1, width_}), matrix(layer, kOutput))
      .view_as(latents);
}

Tensor Perceiver::feed_forward(const Tensor& latents, std::int64_t layer) const {
  const Tensor normed =
      plain::rms_norm(latents.reshape({-1, width_}), vector(layer, kMlpNorm), kNormEps, dtype_);
  const Tensor inner = plain::swiglu(at::linear(normed, matrix(layer, kGateUp)));
  return at::linear(inner, matrix(layer, kDown)).view_as(latents);
}

Tensor Perceiver::latents(const Tensor& states, const Tensor& lengths) const {
  const Tensor read = states.to(dtype_);
  Tensor x = parameters_.leaf(kLatents).to(torch::kFloat).expand({states.size(0), -1, -1});
  for (std::int64_t layer = 0; layer < shape_.num_layers; ++layer) {
    const Tensor bias = age_bias(lengths, states.size(1), layer);
    x = x + attend(x, read, bias, layer);
    x = x + feed_forward(x, layer);
  }
  const Tensor& final_norm = parameters_.leaf(parameters_.specs().size() - 2);
  return plain::rms_norm(x.reshape({-1, width_}), final_norm, kNormEps, torch::kFloat).view_as(x);
}

Tensor Perceiver::vectors(const Tensor& latents) const {
  const Tensor mean = latents.mean(1).to(dtype_);
  const Tensor vectors = at::linear(mean, parameters_.leaf(kVector)).to(torch::kFloat);
  return vectors / vectors.norm(2, {-1}, true).clamp_min(1e-6);
}

// Ten at the start, so that a softmax over some thousands of values can tell them apart.
Tensor Perceiver::sharpness() const {
  return 10.0 * parameters_.leaf(parameters_.specs().size() - 1);
}

}  // namespace kith::train
