#include "kith/train/parameters.h"

#include <cmath>
#include <utility>

namespace kith::train {

std::int64_t ParameterSpec::size() const {
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) size *= extent;
  return size;
}

namespace {

void add_layer_matrices(const ModelConfig& c, std::int64_t layer,
                        std::vector<ParameterSpec>& specs) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  constexpr double kStd = 0.02;
  // Projections into the residual stream start smaller, by the number of terms added up in it.
  const double out_std = kStd / std::sqrt(2.0 * static_cast<double>(c.num_hidden_layers));
  specs.push_back({{c.query_width() + 2 * c.kv_width(), c.hidden_size},
                   {{attention + "q_proj.weight", c.query_width()},
                    {attention + "k_proj.weight", c.kv_width()},
                    {attention + "v_proj.weight", c.kv_width()}},
                   kStd});
  specs.push_back(
      {{c.hidden_size, c.query_width()}, {{attention + "o_proj.weight", c.hidden_size}}, out_std});
  specs.push_back({{2 * c.intermediate_size, c.hidden_size},
                   {{mlp + "gate_proj.weight", c.intermediate_size},
                    {mlp + "up_proj.weight", c.intermediate_size}},
                   kStd});
  specs.push_back(
      {{c.hidden_size, c.intermediate_size}, {{mlp + "down_proj.weight", c.hidden_size}}, out_std});
}

}  // namespace

std::vector<ParameterSpec> decoder_parameters(const ModelConfig& c, DecoderLayout& layout) {
  std::vector<ParameterSpec> specs;
  layout.embedding = 0;
  specs.push_back(
      {{c.vocab_size, c.hidden_size}, {{"model.embed_tokens.weight", c.vocab_size}}, 0.02, true});
  layout.head = layout.embedding;
  if (!c.tie_word_embeddings) {
    layout.head = specs.size();
    specs.push_back({{c.vocab_size, c.hidden_size}, {{"lm_head.weight", c.vocab_size}}, 0.02});
  }
  layout.first_matrix = specs.size();
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) add_layer_matrices(c, i, specs);
  layout.first_norm = specs.size();
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    for (const char* name : {"input_layernorm.weight", "post_attention_layernorm.weight"}) {
      specs.push_back({{c.hidden_size}, {{prefix + name, c.hidden_size}}});
    }
  }
  specs.push_back({{c.hidden_size}, {{"model.norm.weight", c.hidden_size}}});
  return specs;
}

ParameterStore::ParameterStore(std::vector<ParameterSpec> specs, torch::Device device,
                               torch::Dtype dtype)
    : specs_(std::move(specs)) {
  std::int64_t total = 0;
  for (const ParameterSpec& spec : specs_) {
    offsets_.push_back(total);
    total += spec.size();
    if (spec.is_matrix()) num_decayed_ = total;
  }
  const auto options = torch::TensorOptions().device(device).dtype(torch::kFloat);
  master_ = torch::zeros({total}, options);
  gradient_ = torch::zeros({total}, options);
  if (dtype != torch::kFloat) compute_ = torch::zeros({num_decayed_}, options.dtype(dtype));
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const bool low = compute_.defined() && specs_[i].is_matrix();
    leaves_.push_back(view(low ? compute_ : master_, i).detach());
    lookups_.push_back(specs_[i].is_embedding ? view(master_, i).detach() : torch::Tensor());
  }
  set_requires_grad(true);
}

torch::Tensor ParameterStore::view(const torch::Tensor& flat, std::size_t index) const {
  return flat.narrow(0, offsets_[index], specs_[index].size()).view(specs_[index].shape);
}

torch::Tensor ParameterStore::master_of(std::size_t index) const { return view(master_, index); }

void ParameterStore::initialize(std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    torch::Tensor values = torch::ones(specs_[i].shape);
    if (specs_[i].init_std > 0.0) values.normal_(0.0, specs_[i].init_std, generator);
    master_of(i).copy_(values);
  }
  refresh();
}

void ParameterStore::set_requires_grad(bool value) {
  for (auto& leaf : leaves_) leaf.set_requires_grad(value);
  for (auto& leaf : lookups_) {
    if (leaf.defined()) leaf.set_requires_grad(value);
  }
}

void ParameterStore::refresh() {
  const torch::NoGradGuard no_grad;
  if (compute_.defined()) compute_.copy_(master_.narrow(0, 0, num_decayed_));
}

void ParameterStore::collect_gradients() {
  const torch::NoGradGuard no_grad;
  const auto collect = [&](torch::Tensor& leaf, std::size_t index) {
    if (!leaf.defined() || !leaf.grad().defined()) return;
    view(gradient_, index).add_(leaf.grad());
    leaf.mutable_grad() = torch::Tensor();
  };
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    collect(leaves_[i], i);
    collect(lookups_[i], i);
  }
}

}  // namespace kith::train
