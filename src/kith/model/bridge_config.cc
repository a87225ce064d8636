#include "kith/model/bridge_config.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "kith/base/json.h"
#include "kith/nn/cross_attention.h"

namespace kith::model {
namespace {

using base::Json;

constexpr std::int64_t kVersion = 1;
constexpr const char* kGatedCrossAttention = "gated_cross_attention";
constexpr const char* kSoftPrompt = "soft_prompt";
constexpr std::int64_t kMaxWidth = 1 << 16;
constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxHeads = 1024;
constexpr std::int64_t kMaxHeadDim = 1024;
constexpr std::size_t kMaxVersionBytes = 200;

constexpr std::array<std::string_view, 12> kCrossAttentionKeys{"bridge_type",
                                                               "version",
                                                               "hidden_size",
                                                               "num_hidden_layers",
                                                               "memory_width",
                                                               "num_attention_heads",
                                                               "num_key_value_heads",
                                                               "head_dim",
                                                               "rms_norm_eps",
                                                               "layers",
                                                               "base_model_name_or_path",
                                                               "encoder_version"};
constexpr std::array<std::string_view, 9> kSoftPromptKeys{
    "bridge_type",    "version",           "hidden_size",  "memory_width",
    "rows",           "intermediate_size", "rms_norm_eps", "base_model_name_or_path",
    "encoder_version"};

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Result<Json> parse_object(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(Json json, base::parse_json(json_text));
  if (!json.is_object()) return invalid("bridge_config.json must hold an object");
  return json;
}

Status check_kind(const Json& json, const char* wanted) {
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "bridge_type"));
  if (!type || *type != wanted) {
    return invalid(std::string("bridge_type must be ") + wanted + ": " +
                   type.value_or("missing").substr(0, 100));
  }
  KITH_ASSIGN_OR_RETURN(const auto version, base::read_integer(json, "version"));
  if (!version || *version != kVersion) {
    return invalid("version must be " + std::to_string(kVersion) + ": " +
                   (version ? std::to_string(*version) : "missing"));
  }
  return {};
}

std::vector<std::string> unknown_keys(const Json& json, std::span<const std::string_view> known) {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) unknown.push_back(key);
  }
  return unknown;
}

Result<std::string> read_encoder_version(const Json& json) {
  KITH_ASSIGN_OR_RETURN(auto version, base::read_string(json, "encoder_version"));
  if (version && version->size() > kMaxVersionBytes) {
    return invalid("encoder_version must have at most " + std::to_string(kMaxVersionBytes) +
                   " bytes: " + std::to_string(version->size()));
  }
  return std::move(version).value_or("");
}

// An integer in [1, most]; `fallback` where the file does not have it, 0 for none.
Result<int> read_size(const Json& json, const char* key, std::int64_t most, int fallback = 0) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
  if (!value && fallback > 0) return fallback;
  if (!value) return invalid(std::string(key) + " is missing");
  if (*value < 1 || *value > most) {
    return invalid(std::string(key) + " must be in [1, " + std::to_string(most) +
                   "]: " + std::to_string(*value));
  }
  return static_cast<int>(*value);
}

Result<std::vector<int>> read_layers(const Json& json, int num_layers) {
  const auto it = json.find("layers");
  if (it == json.end() || !it->is_array() || it->empty()) {
    return invalid("layers must be a list of layer numbers, not empty");
  }
  std::vector<int> layers;
  for (const Json& value : *it) {
    const bool fits = value.is_number_integer() && value >= 0 && value < num_layers;
    if (!fits) {
      return invalid("layers must hold numbers in [0, " + std::to_string(num_layers) +
                     "): " + base::dump_json(value).substr(0, 100));
    }
    layers.push_back(value.get<int>());
  }
  std::sort(layers.begin(), layers.end());
  const auto repeated = std::adjacent_find(layers.begin(), layers.end());
  if (repeated != layers.end()) {
    return invalid("layers names a layer twice: " + std::to_string(*repeated));
  }
  return layers;
}

Result<float> read_eps(const Json& json) {
  KITH_ASSIGN_OR_RETURN(const auto eps, base::read_number(json, "rms_norm_eps"));
  // Written so that a NaN is refused too.
  if (eps && !(*eps > 0.0 && *eps <= 1.0)) return invalid("rms_norm_eps must be in (0, 1]");
  return static_cast<float>(eps.value_or(1e-6));
}

Status read_heads(const Json& json, BridgeConfig& config) {
  KITH_ASSIGN_OR_RETURN(config.num_heads, read_size(json, "num_attention_heads", kMaxHeads));
  KITH_ASSIGN_OR_RETURN(config.num_kv_heads,
                        read_size(json, "num_key_value_heads", kMaxHeads, config.num_heads));
  KITH_ASSIGN_OR_RETURN(config.head_dim, read_size(json, "head_dim", kMaxHeadDim));
  if (config.num_heads % config.num_kv_heads != 0) {
    return invalid("num_key_value_heads must divide num_attention_heads " +
                   std::to_string(config.num_heads) + ": " + std::to_string(config.num_kv_heads));
  }
  if (config.head_dim % 2 != 0) {
    return invalid("head_dim must be even: " + std::to_string(config.head_dim));
  }
  if (config.q_size() > kMaxWidth) {
    return invalid("num_attention_heads times head_dim must be at most " +
                   std::to_string(kMaxWidth) + ": " + std::to_string(config.q_size()));
  }
  return {};
}

}  // namespace

Result<BridgeType> parse_bridge_type(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, parse_object(json_text));
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "bridge_type"));
  if (type && *type == kGatedCrossAttention) return BridgeType::kGatedCrossAttention;
  if (type && *type == kSoftPrompt) return BridgeType::kSoftPrompt;
  return invalid(std::string("bridge_type must be ") + kGatedCrossAttention + " or " + kSoftPrompt +
                 ": " + type.value_or("missing").substr(0, 100));
}

Result<BridgeConfig> parse_bridge_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, parse_object(json_text));
  KITH_RETURN_IF_ERROR(check_kind(json, kGatedCrossAttention));
  BridgeConfig config;
  config.ignored_keys = unknown_keys(json, kCrossAttentionKeys);
  KITH_ASSIGN_OR_RETURN(config.hidden_size, read_size(json, "hidden_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.num_layers, read_size(json, "num_hidden_layers", kMaxLayers));
  KITH_ASSIGN_OR_RETURN(config.memory_width, read_size(json, "memory_width", kMaxWidth));
  KITH_RETURN_IF_ERROR(read_heads(json, config));
  KITH_ASSIGN_OR_RETURN(config.rms_norm_eps, read_eps(json));
  KITH_ASSIGN_OR_RETURN(config.encoder_version, read_encoder_version(json));
  KITH_ASSIGN_OR_RETURN(config.layers, read_layers(json, config.num_layers));
  return config;
}

Result<SoftPromptBridgeConfig> parse_soft_prompt_bridge_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, parse_object(json_text));
  KITH_RETURN_IF_ERROR(check_kind(json, kSoftPrompt));
  SoftPromptBridgeConfig config;
  config.ignored_keys = unknown_keys(json, kSoftPromptKeys);
  KITH_ASSIGN_OR_RETURN(config.hidden_size, read_size(json, "hidden_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.memory_width, read_size(json, "memory_width", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.rows, read_size(json, "rows", nn::kMaxMemoryRows));
  KITH_ASSIGN_OR_RETURN(config.intermediate_size, read_size(json, "intermediate_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.rms_norm_eps, read_eps(json));
  KITH_ASSIGN_OR_RETURN(config.encoder_version, read_encoder_version(json));
  return config;
}

}  // namespace kith::model
