#include "kith/model/adapter_config.h"

#include <algorithm>
#include <array>
#include <cctype>
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

// How A and B began, where the base model stays as it was. The others (pissa, olora, corda, loftq,
// and what later versions invent) also change the base's weights when PEFT loads the adapter, and
// such an adapter on the plain base says something else.
constexpr std::array<std::string_view, 3> kPlainInitializations{"gaussian", "eva", "orthogonal"};

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

bool is_off(const Json& value) {
  return value.is_null() || value == false ||
         ((value.is_array() || value.is_object()) && value.empty());
}

Status check_initialization(const Json& json) {
  const auto it = json.find("init_lora_weights");
  if (it == json.end() || it->is_null() || it->is_boolean()) return {};
  std::string name = it->is_string() ? it->get<std::string>().substr(0, 100) : "not a text";
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto& plain = kPlainInitializations;
  if (std::find(plain.begin(), plain.end(), name) != plain.end()) return {};
  return invalid(
      "init_lora_weights is not supported (supported: true, false, gaussian, eva, orthogonal): " +
      name +
      "; it may change the base model: save the adapter with PEFT's "
      "path_initial_model_for_weight_conversion");
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
  KITH_RETURN_IF_ERROR(check_initialization(json));
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

// `json` keeps the order of the file, which decides between keys.
Result<ModuleNumbers> read_pattern(const base::OrderedJson& json, const char* key,
                                   Status (*check)(const base::OrderedJson& value)) {
  ModuleNumbers numbers;
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return numbers;
  if (!it->is_object()) return invalid(std::string(key) + " must be an object");
  for (const auto& [module, value] : it->items()) {
    auto added = check(value);
    if (added) added = numbers.add(module, value.get<double>());
    if (!added) return std::move(added).error().with_context(key);
  }
  return numbers;
}

Status check_rank(const base::OrderedJson& value) {
  const bool is_rank = value.is_number_integer() && value >= 1 && value <= kMaxRank;
  if (is_rank) return {};
  return invalid("must hold integers in [1, " + std::to_string(kMaxRank) + "]");
}

Status check_alpha(const base::OrderedJson& value) {
  if (value.is_number() && std::isfinite(value.get<double>())) return {};
  return invalid("must hold finite numbers");
}

}  // namespace

Result<int> AdapterConfig::rank_of(std::string_view module) const {
  KITH_ASSIGN_OR_RETURN(const auto own, rank_pattern.find(module));
  return static_cast<int>(own.value_or(rank));
}

Result<double> AdapterConfig::scale_of(std::string_view module, int module_rank) const {
  KITH_ASSIGN_OR_RETURN(const auto own, alpha_pattern.find(module));
  return own.value_or(alpha) / (use_rslora ? std::sqrt(module_rank) : module_rank);
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
  KITH_ASSIGN_OR_RETURN(const base::OrderedJson ordered, base::parse_ordered_json(json_text));
  KITH_ASSIGN_OR_RETURN(config.rank_pattern, read_pattern(ordered, "rank_pattern", check_rank));
  KITH_ASSIGN_OR_RETURN(config.alpha_pattern, read_pattern(ordered, "alpha_pattern", check_alpha));
  return config;
}

}  // namespace kith::model
