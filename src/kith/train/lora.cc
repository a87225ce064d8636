#include "kith/train/lora.h"

#include <algorithm>
#include <utility>

namespace kith::train {
namespace {

constexpr std::array<const char*, 7> kTargets{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                              "gate_proj", "up_proj", "down_proj"};

// "model.layers.0.self_attn.q_proj.weight" -> "q_proj"
std::string module_of(const std::string& name) {
  const std::size_t end = name.rfind('.');
  const std::size_t begin = name.rfind('.', end - 1) + 1;
  return name.substr(begin, end - begin);
}

std::string peft_name(const std::string& name, const char* factor) {
  return "base_model.model." + name.substr(0, name.rfind(".weight")) + "." + factor + ".weight";
}

}  // namespace

Status check_lora_options(const LoraOptions& options) {
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  };
  if (options.rank < 1 || options.rank > 256) {
    return invalid("lora rank must be in [1, 256]: " + std::to_string(options.rank));
  }
  if (!(options.alpha > 0.0)) return invalid("lora alpha must be positive");
  if (!(options.dropout >= 0.0 && options.dropout < 1.0)) {
    return invalid("lora dropout must be in [0, 1)");
  }
  if (options.targets.empty()) return invalid("lora targets must not be empty");
  for (const std::string& target : options.targets) {
    if (std::find(kTargets.begin(), kTargets.end(), target) == kTargets.end()) {
      return invalid(
          "lora target must be one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
          "down_proj: " +
          target);
    }
  }
  return {};
}

LoraWeights::LoraWeights(const ModelConfig& config, const LoraOptions& options,
                         torch::Device device, torch::Dtype dtype)
    : options_(options),
      layers_(static_cast<std::size_t>(config.num_hidden_layers)),
      parameters_(make_specs(config), device, dtype) {}

std::vector<ParameterSpec> LoraWeights::make_specs(const ModelConfig& config) {
  DecoderLayout layout;
  const auto base = decoder_parameters(config, layout);
  std::vector<ParameterSpec> specs;
  for (std::size_t i = layout.first_matrix; i < layout.first_norm; ++i) {
    const std::size_t at = i - layout.first_matrix;
    auto& slots = layers_[at / DecoderLayout::kPerLayer][at % DecoderLayout::kPerLayer];
    for (const ParameterPart& part : base[i].parts) {
      slots.push_back({part.rows, {}});
      const auto& targets = options_.targets;
      if (std::find(targets.begin(), targets.end(), module_of(part.name)) == targets.end()) {
        continue;
      }
      slots.back().a = specs.size();
      specs.push_back({{options_.rank, base[i].shape[1]},
                       {{peft_name(part.name, "lora_A"), options_.rank}},
                       1.0 / static_cast<double>(options_.rank)});
      specs.push_back({{part.rows, options_.rank}, {{peft_name(part.name, "lora_B"), part.rows}}});
    }
  }
  return specs;
}

void LoraWeights::initialize(std::uint64_t seed) {
  parameters_.initialize(seed);
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 1; i < parameters_.specs().size(); i += 2) parameters_.master_of(i).zero_();
  parameters_.refresh();
}

torch::Tensor LoraWeights::add(const torch::Tensor& x, const torch::Tensor& y, std::int64_t layer,
                               DecoderLayout::Matrix matrix) const {
  const auto& slots = layers_[static_cast<std::size_t>(layer)][matrix];
  const bool any =
      std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return slot.a.has_value(); });
  if (!any) return y;
  const double scale = options_.alpha / static_cast<double>(options_.rank);
  const torch::Tensor input =
      training_ && options_.dropout > 0.0 ? torch::dropout(x, options_.dropout, true) : x;
  std::vector<torch::Tensor> parts;
  for (const Slot& slot : slots) {
    if (!slot.a) {
      parts.push_back(torch::zeros({x.size(0), slot.rows}, x.options()));
      continue;
    }
    const torch::Tensor low = at::linear(input, parameters_.leaf(*slot.a)) * scale;
    parts.push_back(at::linear(low, parameters_.leaf(*slot.a + 1)));
  }
  return y + (parts.size() == 1 ? parts[0] : torch::cat(parts, 1));
}

}  // namespace kith::train
