#include "kith/model/adapter_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "kith/base/json.h"

namespace kith::model {
namespace {

using base::Json;

constexpr std::int64_t kMaxRank = 4096;

// Keys that are read, or that say nothing about how the weights are used. fan_in_fan_out is among
// them: it says how the base layer keeps its weights, and A and B look the same either way.
constexpr std::array<std::string_view, 26> kKnownKeys{"peft_type",       "r",
                                                      "lora_alpha",      "use_rslora",
                                                      "rank_pattern",    "alpha_pattern",
                                                      "use_dora",        "bias",
                                                      "lora_bias",       "modules_to_save",
                                                      "auto_mapping",    "base_model_name_or_path",
                                                      "revision",        "inference_mode",
                                                      "task_type",       "target_modules",
                                                      "lora_dropout",    "fan_in_fan_out",
                                                      "peft_version",    "init_lora_weights",
                                                      "exclude_modules", "layers_to_transform",
                                                      "layers_pattern",  "loftq_config",
                                                      "megatron_config", "megatron_core"};

// Features that change the computation. Each must be absent, null, false or empty.
constexpr std::array<const char*, 9> kRefused{"use_dora",
                                              "lora_bias",
                                              "modules_to_save",
                                              "layer_replication",
                                              "target_parameters",
                                              "trainable_token_indices",
                                              "alora_invocation_tokens",
                                              "use_qalora",
                                              "arrow_config"};

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

bool is_off(const Json& value) {
  return value.is_null() || value == false ||
         ((value.is_array() || value.is_object()) && value.empty());
}

Status refuse_unsupported(const Json& json) {
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "peft_type"));
  if (type && *type != "LORA") {
    return invalid("peft_type is not supported (supported: LORA): " + type->substr(0, 100));
  }
  for (const char* key : kRefused) {
    if (json.contains(key) && !is_off(json[key])) {
      return invalid(std::string(key) + " is not supported");
    }
  }
  KITH_ASSIGN_OR_RETURN(const auto bias, base::read_string(json, "bias"));
  if (bias && *bias != "none") {
    return invalid("bias is not supported (supported: none): " + bias->substr(0, 100));
  }
  return {};
}

std::vector<std::string> unknown_keys(const Json& json) {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : json.items()) {
    const bool is_known =
        std::find(kKnownKeys.begin(), kKnownKeys.end(), key) != kKnownKeys.end() ||
        std::find(kRefused.begin(), kRefused.end(), key) != kRefused.end();
    if (!is_known) unknown.push_back(key);
  }
  return unknown;
}

Result<std::map<std::string, double>> read_pattern(const Json& json, const char* key) {
  std::map<std::string, double> pattern;
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return pattern;
  if (!it->is_object()) return invalid(std::string(key) + " must be an object");
  for (const auto& [module, value] : it->items()) {
    // PEFT takes these for regular expressions; in practice they are module names.
    if (module.find_first_of("\\*+?()[]{}|$") != std::string::npos) {
      return invalid(std::string(key) +
                     " must name modules, not regular expressions: " + module.substr(0, 100));
    }
    if (!value.is_number() || !(value.get<double>() > 0.0) || value.get<double>() > 1e6) {
      return invalid(std::string(key) + " must hold positive numbers");
    }
    pattern.emplace(module, value.get<double>());
  }
  return pattern;
}

std::optional<double> find_pattern(const std::map<std::string, double>& pattern,
                                   std::string_view module) {
  for (const auto& [key, value] : pattern) {
    if (key.starts_with('^') ? module == std::string_view(key).substr(1)
                             : module == key || module.ends_with("." + key)) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace

int AdapterConfig::rank_of(std::string_view module) const {
  return static_cast<int>(find_pattern(rank_pattern, module).value_or(rank));
}

double AdapterConfig::scale_of(std::string_view module, int module_rank) const {
  const double module_alpha = find_pattern(alpha_pattern, module).value_or(alpha);
  return module_alpha / (use_rslora ? std::sqrt(module_rank) : static_cast<double>(module_rank));
}

Result<AdapterConfig> parse_adapter_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(json_text));
  if (!json.is_object()) return invalid("adapter_config.json must hold an object");
  KITH_RETURN_IF_ERROR(refuse_unsupported(json));

  AdapterConfig config;
  config.ignored_keys = unknown_keys(json);
  KITH_ASSIGN_OR_RETURN(const auto rank, base::read_integer(json, "r"));
  if (rank && (*rank < 1 || *rank > kMaxRank)) {
    return invalid("r must be in [1, " + std::to_string(kMaxRank) + "]: " + std::to_string(*rank));
  }
  if (rank) config.rank = static_cast<int>(*rank);
  KITH_ASSIGN_OR_RETURN(const auto alpha, base::read_number(json, "lora_alpha"));
  config.alpha = alpha.value_or(config.alpha);
  if (!std::isfinite(config.alpha)) return invalid("lora_alpha must be finite");
  KITH_ASSIGN_OR_RETURN(const auto use_rslora, base::read_bool(json, "use_rslora"));
  config.use_rslora = use_rslora.value_or(false);
  KITH_ASSIGN_OR_RETURN(config.rank_pattern, read_pattern(json, "rank_pattern"));
  KITH_ASSIGN_OR_RETURN(config.alpha_pattern, read_pattern(json, "alpha_pattern"));
  return config;
}

}  // namespace kith::model
