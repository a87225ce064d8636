#include "kith/train/user_bridge.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kith/train/ops.h"

namespace kith::train {

using torch::Tensor;

namespace {

constexpr double kEps = 1e-6;

std::int64_t query_width(const BridgeRecipe& r) { return r.num_attention_heads * r.head_dim; }
std::int64_t kv_width(const BridgeRecipe& r) { return r.num_key_value_heads * r.head_dim; }

double std_of(std::int64_t inputs) { return 1.0 / std::sqrt(static_cast<double>(inputs)); }

std::vector<ParameterSpec> soft_prompt_specs(const BridgeShape& shape) {
  const std::int64_t between = shape.recipe.intermediate_size;
  return {
      {{between, shape.memory_width}, {{"up_proj.weight", between}}, std_of(shape.memory_width)},
      {{shape.hidden_size, between}, {{"down_proj.weight", shape.hidden_size}}, std_of(between)},
      {{shape.memory_width}, {{"norm.weight", shape.memory_width}}}};
}

std::vector<ParameterSpec> cross_attention_specs(const BridgeShape& shape) {
  const BridgeRecipe& r = shape.recipe;
  std::vector<ParameterSpec> specs;
  for (const std::int64_t layer : r.layers) {
    const std::string name = "layers." + std::to_string(layer) + ".cross_attn.";
    specs.push_back({{query_width(r), shape.hidden_size},
                     {{name + "q_proj.weight", query_width(r)}},
                     std_of(shape.hidden_size)});
    specs.push_back({{2 * kv_width(r), shape.memory_width},
                     {{name + "k_proj.weight", kv_width(r)}, {name + "v_proj.weight", kv_width(r)}},
                     std_of(shape.memory_width)});
    specs.push_back({{shape.hidden_size, query_width(r)},
                     {{name + "o_proj.weight", shape.hidden_size}},
                     std_of(query_width(r))});
  }
  for (const std::int64_t layer : r.layers) {
    const std::string name = "layers." + std::to_string(layer) + ".cross_attn_";
    specs.push_back({{shape.hidden_size}, {{name + "norm.weight", shape.hidden_size}}});
    specs.push_back({{1}, {{name + "gate", 1}}});
  }
  return specs;
}

// Where a layer stands among the chosen ones.
std::size_t place_of(const std::vector<std::int64_t>& layers, std::int64_t layer) {
  return static_cast<std::size_t>(std::find(layers.begin(), layers.end(), layer) - layers.begin());
}

}  // namespace

Result<BridgeShape> bridge_shape(const BridgeRecipe& recipe, const ModelConfig& decoder,
                                 std::int64_t memory_width, std::int64_t memory_rows) {
  BridgeShape shape{recipe, decoder.hidden_size, decoder.num_hidden_layers, memory_width,
                    memory_rows};
  BridgeRecipe& r = shape.recipe;
  const auto fill = [](std::int64_t& size, std::int64_t own) { size = size == 0 ? own : size; };
  fill(r.intermediate_size, decoder.hidden_size);
  fill(r.num_attention_heads, decoder.num_attention_heads);
  fill(r.num_key_value_heads, r.num_attention_heads);
  fill(r.head_dim, decoder.head_dim);
  if (r.layers.empty()) {
    // Every third layer, from the middle of the first three.
    for (std::int64_t i = decoder.num_hidden_layers > 1; i < decoder.num_hidden_layers; i += 3) {
      r.layers.push_back(i);
    }
  }
  std::sort(r.layers.begin(), r.layers.end());
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  };
  if (std::adjacent_find(r.layers.begin(), r.layers.end()) != r.layers.end()) {
    return invalid("bridge layers must name each layer once");
  }
  if (r.layers.front() < 0 || r.layers.back() >= decoder.num_hidden_layers) {
    return invalid("bridge layers must be in [0, " + std::to_string(decoder.num_hidden_layers) +
                   ")");
  }
  if (r.num_attention_heads % r.num_key_value_heads != 0 || r.head_dim % 2 != 0) {
    return invalid("bridge num_key_value_heads must divide num_attention_heads, head_dim be even");
  }
  return shape;
}

UserBridge::UserBridge(BridgeShape shape, torch::Device device, torch::Dtype dtype)
    : shape_(std::move(shape)),
      dtype_(dtype),
      parameters_(is_soft_prompt() ? soft_prompt_specs(shape_) : cross_attention_specs(shape_),
                  device, dtype) {}

void UserBridge::initialize(std::uint64_t seed, double row_scale) {
  parameters_.initialize(seed);
  const torch::NoGradGuard no_grad;
  if (is_soft_prompt()) {
    // silu of a normal number has a root mean square of 0.6.
    parameters_.master_of(1).mul_(row_scale / 0.6);
  } else {
    const std::size_t layers = shape_.recipe.layers.size();
    for (std::size_t i = 0; i < layers; ++i) {
      parameters_.master_of(layers * kMatricesPerLayer + i * kVectorsPerLayer + kGate).zero_();
    }
  }
  parameters_.refresh();
}

const Tensor& UserBridge::matrix(std::size_t place, Matrix which) const {
  return parameters_.leaf(place * kMatricesPerLayer + which);
}

const Tensor& UserBridge::vector(std::size_t place, Vector which) const {
  return parameters_.leaf(shape_.recipe.layers.size() * kMatricesPerLayer +
                          place * kVectorsPerLayer + which);
}

Tensor UserBridge::rows(const Tensor& memory) const {
  const Tensor flat = memory.reshape({-1, shape_.memory_width});
  const Tensor normed = rms_norm(flat.contiguous(), parameters_.leaf(2), kEps, dtype_);
  const Tensor between = at::silu(at::linear(normed, parameters_.leaf(0)));
  return at::linear(between, parameters_.leaf(1))
      .to(torch::kFloat)
      .view({memory.size(0), memory.size(1), shape_.hidden_size});
}

Tensor UserBridge::attended(const Tensor& residual, std::int64_t layer,
                            const Tensor& memory) const {
  const BridgeRecipe& r = shape_.recipe;
  const std::size_t place = place_of(r.layers, layer);
  if (place == r.layers.size()) return {};
  const std::int64_t users = memory.size(0);
  const std::int64_t group = r.num_attention_heads / r.num_key_value_heads;
  const Tensor normed = rms_norm(residual, vector(place, kNorm), kEps, dtype_);
  // [users, heads, seq, head_dim], and keys and values [users, heads, memory_rows, head_dim]
  const Tensor query = at::linear(normed, matrix(place, kQuery))
                           .view({users, -1, r.num_attention_heads, r.head_dim})
                           .transpose(1, 2);
  const Tensor kv = at::linear(memory.to(dtype_), matrix(place, kKeyValue));
  const auto heads_of = [&](std::int64_t first) {
    return kv.narrow(2, first, kv_width(r))
        .view({users, -1, r.num_key_value_heads, r.head_dim})
        .transpose(1, 2)
        .repeat_interleave(group, 1);
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(r.head_dim));
  const Tensor scores = at::matmul(query, heads_of(0).transpose(2, 3)).to(torch::kFloat) * scale;
  const Tensor mixed = at::matmul(scores.softmax(-1).to(dtype_), heads_of(kv_width(r)));
  const Tensor flat = mixed.transpose(1, 2).reshape({residual.size(0), query_width(r)});
  const Tensor gate = at::tanh(vector(place, kGate)).to(dtype_);
  return at::linear(flat, matrix(place, kOutput)) * gate;
}

Tensor personal_hidden(const Decoder& decoder, const UserBridge* bridge, const Tensor& memory,
                       const Tensor& ids) {
  const std::int64_t users = ids.size(0);
  const std::int64_t sequence = ids.size(1);
  const Tensor tokens = decoder.embed(ids);
  if (bridge == nullptr) return decoder.hidden_of(tokens, users, sequence);
  if (!bridge->is_soft_prompt()) {
    return decoder.hidden_of(tokens, users, sequence,
                             [&](const Tensor& residual, std::int64_t layer) {
                               return bridge->attended(residual, layer, memory);
                             });
  }
  const std::int64_t hidden = tokens.size(1);
  const Tensor soft = bridge->rows(memory);
  const std::int64_t all = soft.size(1) + sequence;
  const Tensor rows = torch::cat({soft, tokens.view({users, sequence, hidden})}, 1);
  return decoder.hidden_of(rows.reshape({users * all, hidden}), users, all)
      .view({users, all, hidden})
      .narrow(1, soft.size(1), sequence)
      .reshape({users * sequence, hidden});
}

}  // namespace kith::train
