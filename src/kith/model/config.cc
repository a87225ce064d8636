#include "kith/model/config.h"

#include <optional>
#include <string>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/model/config_fields.h"

namespace kith::model {
namespace {

using base::Json;

constexpr const char* kSupported = "LlamaForCausalLM";
Result<std::string> read_architecture(const Json& json) {
  const auto it = json.find("architectures");
  if (it != json.end() && it->is_array() && !it->empty() && it->front().is_string()) {
    const auto name = it->front().get<std::string>();
    if (name == kSupported) return name;
    return invalid("architecture is not supported (supported: " + std::string(kSupported) +
                   "): " + name.substr(0, 100));
  }
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "model_type"));
  if (type && *type == "llama") return std::string(kSupported);
  return invalid("architecture is not supported (supported: " + std::string(kSupported) +
                 "): " + type.value_or("none is named").substr(0, 100));
}

Status read_llama3(const Json& scaling, nn::RopeConfig& rope) {
  KITH_ASSIGN_OR_RETURN(rope.low_freq_factor,
                        read_positive(scaling, "low_freq_factor", std::nullopt));
  KITH_ASSIGN_OR_RETURN(rope.high_freq_factor,
                        read_positive(scaling, "high_freq_factor", std::nullopt));
  KITH_ASSIGN_OR_RETURN(rope.original_max_positions,
                        read_size(scaling, "original_max_position_embeddings", kMaxPositions));
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    return invalid("high_freq_factor must be greater than low_freq_factor");
  }
  return {};
}

// `scaling` is the member rope_scaling or rope_parameters.
Status read_rope_scaling(const Json& scaling, nn::RopeConfig& rope) {
  if (!scaling.is_object()) return invalid("rope scaling must be an object");
  KITH_ASSIGN_OR_RETURN(auto kind, base::read_string(scaling, "rope_type"));
  if (!kind) {
    KITH_ASSIGN_OR_RETURN(kind, base::read_string(scaling, "type"));
  }
  KITH_ASSIGN_OR_RETURN(rope.theta, read_positive(scaling, "rope_theta", rope.theta));
  KITH_ASSIGN_OR_RETURN(const double partial, read_positive(scaling, "partial_rotary_factor", 1.0));
  if (partial != 1.0) return invalid("partial_rotary_factor other than 1 is not supported");
  if (!kind || *kind == "default") return {};
  if (*kind != "linear" && *kind != "llama3") {
    return invalid("rope scaling is not supported (supported: default, linear, llama3): " +
                   kind->substr(0, 100));
  }
  rope.kind = *kind == "linear" ? nn::RopeKind::kLinear : nn::RopeKind::kLlama3;
  KITH_ASSIGN_OR_RETURN(rope.factor, read_positive(scaling, "factor", std::nullopt));
  return rope.kind == nn::RopeKind::kLlama3 ? read_llama3(scaling, rope) : Status{};
}

Status read_rope(const Json& json, DecoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(config.rope.theta, read_positive(json, "rope_theta", config.rope.theta));
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) continue;
    auto status = read_rope_scaling(*it, config.rope);
    if (!status) return std::move(status).error().with_context(key);
  }
  return {};
}

Status read_sizes(const Json& json, DecoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(config.vocab_size, read_size(json, "vocab_size", kMaxVocab));
  KITH_ASSIGN_OR_RETURN(config.hidden_size, read_size(json, "hidden_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.intermediate_size, read_size(json, "intermediate_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.num_layers, read_size(json, "num_hidden_layers", 1024));
  KITH_ASSIGN_OR_RETURN(config.num_heads, read_size(json, "num_attention_heads", 1024));
  KITH_ASSIGN_OR_RETURN(config.num_kv_heads,
                        read_size(json, "num_key_value_heads", 1024, config.num_heads));
  KITH_ASSIGN_OR_RETURN(
      config.head_dim,
      read_size(json, "head_dim", 1024, std::max(1, config.hidden_size / config.num_heads)));
  KITH_ASSIGN_OR_RETURN(config.max_positions,
                        read_size(json, "max_position_embeddings", kMaxPositions, 2048));
  if (config.num_heads % config.num_kv_heads != 0) {
    return invalid("num_key_value_heads must divide num_attention_heads: " +
                   std::to_string(config.num_kv_heads));
  }
  if (!json.contains("head_dim") && config.hidden_size % config.num_heads != 0) {
    return invalid("num_attention_heads must divide hidden_size: " +
                   std::to_string(config.num_heads));
  }
  if (config.head_dim % 2 != 0) {
    return invalid("head_dim must be even: " + std::to_string(config.head_dim));
  }
  if (config.q_size() > kMaxWidth) {
    return invalid("num_attention_heads * head_dim must be at most " + std::to_string(kMaxWidth));
  }
  return {};
}

// Features that change the computation and that this decoder lacks.
Status refuse_unsupported(const Json& json) {
  KITH_ASSIGN_OR_RETURN(const auto activation, base::read_string(json, "hidden_act"));
  if (activation && *activation != "silu") {
    return invalid("hidden_act is not supported (supported: silu): " + activation->substr(0, 100));
  }
  if (json.contains("quantization_config") && !json["quantization_config"].is_null()) {
    return invalid("quantization_config is not supported: use the unquantized checkpoint");
  }
  return {};
}

Result<std::int32_t> to_token_id(const Json& value, const char* key) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 ||
      value.get<std::int64_t>() >= kMaxVocab) {
    return invalid(std::string(key) + " must be a token id");
  }
  return static_cast<std::int32_t>(value.get<std::int64_t>());
}

// One id or a list of them; nothing if the key is absent.
Result<std::vector<std::int32_t>> read_token_ids(const Json& json, const char* key) {
  std::vector<std::int32_t> ids;
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return ids;
  if (!it->is_array()) {
    KITH_ASSIGN_OR_RETURN(const std::int32_t id, to_token_id(*it, key));
    ids.push_back(id);
    return ids;
  }
  for (const Json& item : *it) {
    KITH_ASSIGN_OR_RETURN(const std::int32_t id, to_token_id(item, key));
    ids.push_back(id);
  }
  return ids;
}

Status read_special_tokens(const Json& json, DecoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(auto eos, read_token_ids(json, "eos_token_id"));
  if (!eos.empty()) config.eos_token_ids = std::move(eos);
  KITH_ASSIGN_OR_RETURN(const auto bos, read_token_ids(json, "bos_token_id"));
  if (!bos.empty()) config.bos_token_id = bos.front();
  return {};
}

}  // namespace

std::int64_t DecoderConfig::num_parameters() const {
  const std::int64_t hidden = hidden_size;
  const std::int64_t attention = hidden * (2 * q_size() + 2 * kv_size()) +
                                 (attention_bias ? q_size() + 2 * kv_size() + hidden : 0);
  const std::int64_t mlp =
      3 * hidden * intermediate_size + (mlp_bias ? 2 * intermediate_size + hidden : 0);
  const std::int64_t embeddings = hidden * vocab_size * (tie_word_embeddings ? 1 : 2);
  return num_layers * (attention + mlp + 2 * hidden) + embeddings + hidden;
}

Result<DecoderConfig> parse_decoder_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(json_text));
  if (!json.is_object()) return invalid("config.json must hold an object");
  DecoderConfig config;
  KITH_ASSIGN_OR_RETURN(config.architecture, read_architecture(json));
  KITH_RETURN_IF_ERROR(refuse_unsupported(json));
  KITH_RETURN_IF_ERROR(read_sizes(json, config));
  KITH_ASSIGN_OR_RETURN(const double eps, read_positive(json, "rms_norm_eps", 1e-6));
  config.rms_norm_eps = static_cast<float>(eps);
  KITH_ASSIGN_OR_RETURN(config.tie_word_embeddings, read_flag(json, "tie_word_embeddings"));
  KITH_ASSIGN_OR_RETURN(config.attention_bias, read_flag(json, "attention_bias"));
  KITH_ASSIGN_OR_RETURN(config.mlp_bias, read_flag(json, "mlp_bias"));
  KITH_RETURN_IF_ERROR(read_rope(json, config));
  KITH_RETURN_IF_ERROR(read_special_tokens(json, config));
  return config;
}

Result<DecoderConfig> load_decoder_config(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(dir / "config.json"));
  auto config = parse_decoder_config(text);
  if (!config) return std::move(config).error().with_context((dir / "config.json").string());

  const std::filesystem::path generation = dir / "generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(generation, ignored)) {
    KITH_ASSIGN_OR_RETURN(const std::string generation_text, base::read_file(generation));
    auto json = base::parse_json(generation_text);
    if (!json) return std::move(json).error().with_context(generation.string());
    auto status = read_special_tokens(*json, *config);
    if (!status) return std::move(status).error().with_context(generation.string());
  }
  return config;
}

}  // namespace kith::model
