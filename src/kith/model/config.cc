#include "kith/model/config.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/model/config_fields.h"
#include "kith/model/quantized_map.h"

namespace kith::model {
namespace {

using base::Json;

// What sets one architecture apart. The numbers hold where config.json is silent and are those of
// transformers, which leaves out what it takes for granted.
struct Family {
  const char* architecture;
  const char* model_type;
  int kv_heads;  // 0: as many as heads
  int head_dim;  // 0: hidden_size / heads
  int positions;
  int window;  // 0: none
};
constexpr std::array<Family, 4> kFamilies{{{"LlamaForCausalLM", "llama", 0, 0, 2048, 0},
                                           {"MistralForCausalLM", "mistral", 8, 0, 131'072, 4096},
                                           {"Qwen2ForCausalLM", "qwen2", 32, 0, 32'768, 0},
                                           {"Qwen3ForCausalLM", "qwen3", 32, 128, 32'768, 0}}};

bool is_family(const Family& family, std::string_view model_type) {
  return family.model_type == model_type;
}

// By the architecture's name, or without one by the model type.
Result<Family> read_family(const Json& json) {
  std::string name = "none is named";
  const auto it = json.find("architectures");
  if (it != json.end() && it->is_array() && !it->empty() && it->front().is_string()) {
    name = it->front().get<std::string>();
  } else {
    KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "model_type"));
    if (type) name = *type;
  }
  std::string supported;
  for (const Family& family : kFamilies) {
    if (name == family.architecture || name == family.model_type) return family;
    supported += (supported.empty() ? "" : ", ") + std::string(family.architecture);
  }
  return invalid("architecture is not supported (supported: " + supported +
                 "): " + name.substr(0, 100));
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

Status check_heads(const DecoderConfig& config) {
  if (config.num_heads % config.num_kv_heads != 0) {
    return invalid("num_key_value_heads must divide num_attention_heads: " +
                   std::to_string(config.num_kv_heads));
  }
  if (config.head_dim % 2 != 0) {
    return invalid("head_dim must be even: " + std::to_string(config.head_dim));
  }
  if (config.q_size() > kMaxWidth) {
    return invalid("num_attention_heads * head_dim must be at most " + std::to_string(kMaxWidth));
  }
  return {};
}

Status read_heads(const Json& json, const Family& family, DecoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(config.num_heads, read_size(json, "num_attention_heads", 1024));
  KITH_ASSIGN_OR_RETURN(config.num_kv_heads,
                        read_size(json, "num_key_value_heads", 1024,
                                  family.kv_heads > 0 ? family.kv_heads : config.num_heads));
  KITH_ASSIGN_OR_RETURN(const auto head_dim, base::read_integer(json, "head_dim"));
  const bool is_quotient = !head_dim && family.head_dim == 0;
  if (is_quotient && config.hidden_size % config.num_heads != 0) {
    return invalid("num_attention_heads must divide hidden_size: " +
                   std::to_string(config.num_heads));
  }
  KITH_ASSIGN_OR_RETURN(
      config.head_dim,
      read_size(json, "head_dim", 1024,
                is_quotient ? config.hidden_size / config.num_heads : family.head_dim));
  return check_heads(config);
}

Status read_sizes(const Json& json, const Family& family, DecoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(config.vocab_size, read_size(json, "vocab_size", kMaxVocab));
  KITH_ASSIGN_OR_RETURN(config.hidden_size, read_size(json, "hidden_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.intermediate_size, read_size(json, "intermediate_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.num_layers, read_size(json, "num_hidden_layers", 1024));
  KITH_ASSIGN_OR_RETURN(config.max_positions, read_size(json, "max_position_embeddings",
                                                        kMaxPositions, family.positions));
  return read_heads(json, family, config);
}

// Which projections have a bias, and what else attention does, by family.
Status read_attention(const Json& json, const Family& family, DecoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(const bool attention_bias, read_flag(json, "attention_bias"));
  if (is_family(family, "llama")) {
    KITH_ASSIGN_OR_RETURN(config.mlp_bias, read_flag(json, "mlp_bias"));
  }
  if (is_family(family, "llama") || is_family(family, "qwen3")) {
    config.qkv_bias = config.o_bias = attention_bias;
  }
  if (is_family(family, "qwen2")) config.qkv_bias = true;
  config.qk_norm = is_family(family, "qwen3");
  // Without a window the key is there and null.
  if (is_family(family, "mistral") &&
      !(json.contains("sliding_window") && json["sliding_window"].is_null())) {
    KITH_ASSIGN_OR_RETURN(config.sliding_window,
                          read_size(json, "sliding_window", kMaxPositions, family.window));
  }
  return {};
}

// Qwen puts a window on some layers where this is true; in newer files each layer has a name.
Status refuse_windows_by_layer(const Json& json, const Family& family) {
  KITH_ASSIGN_OR_RETURN(const bool use_window, read_flag(json, "use_sliding_window"));
  if (use_window) return invalid("use_sliding_window is not supported");
  const auto types = json.find("layer_types");
  if (types == json.end() || types->is_null() || is_family(family, "mistral")) return {};
  if (!types->is_array()) return invalid("layer_types must be an array");
  for (const Json& type : *types) {
    if (type == "full_attention") continue;
    return invalid("layer_types is not supported (supported: full_attention): " +
                   base::dump_json(type).substr(0, 100));
  }
  return {};
}

// Other programs' quantised weights are refused: their names and layouts differ.
Result<bool> read_quantization(const Json& json) {
  const auto it = json.find("quantization_config");
  if (it == json.end() || it->is_null()) return false;
  KITH_ASSIGN_OR_RETURN(const auto method, base::read_string(*it, "quant_method"));
  if (!method || *method != kQuantMethod) {
    return invalid(std::string("quantization_config is not supported (supported: ") + kQuantMethod +
                   "): use the unquantized checkpoint");
  }
  KITH_ASSIGN_OR_RETURN(const auto version, base::read_integer(*it, "version"));
  if (version == kQuantVersion) return true;
  return invalid("quantization_config: version must be " + std::to_string(kQuantVersion) + ": " +
                 std::to_string(version.value_or(0)));
}

// Features that change the computation and that this decoder lacks.
Status refuse_unsupported(const Json& json, const Family& family) {
  KITH_ASSIGN_OR_RETURN(const auto activation, base::read_string(json, "hidden_act"));
  if (activation && *activation != "silu") {
    return invalid("hidden_act is not supported (supported: silu): " + activation->substr(0, 100));
  }
  KITH_ASSIGN_OR_RETURN(const bool mrope, read_flag(json, "use_mrope"));
  if (mrope) return invalid("use_mrope is not supported");
  return refuse_windows_by_layer(json, family);
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
                                 (qkv_bias ? q_size() + 2 * kv_size() : 0) + (o_bias ? hidden : 0) +
                                 (qk_norm ? 2 * head_dim : 0);
  const std::int64_t mlp = 3 * hidden * intermediate_size +
                           (mlp_bias ? std::int64_t{2} * intermediate_size + hidden : 0);
  const std::int64_t embeddings = hidden * vocab_size * (tie_word_embeddings ? 1 : 2);
  return num_layers * (attention + mlp + 2 * hidden) + embeddings + hidden;
}

Result<DecoderConfig> parse_decoder_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(json_text));
  if (!json.is_object()) return invalid("config.json must hold an object");
  DecoderConfig config;
  KITH_ASSIGN_OR_RETURN(const Family family, read_family(json));
  config.architecture = family.architecture;
  KITH_RETURN_IF_ERROR(refuse_unsupported(json, family));
  KITH_ASSIGN_OR_RETURN(config.is_quantized, read_quantization(json));
  KITH_RETURN_IF_ERROR(read_sizes(json, family, config));
  KITH_RETURN_IF_ERROR(read_attention(json, family, config));
  KITH_ASSIGN_OR_RETURN(const double eps, read_positive(json, "rms_norm_eps", 1e-6));
  config.rms_norm_eps = static_cast<float>(eps);
  KITH_ASSIGN_OR_RETURN(config.tie_word_embeddings, read_flag(json, "tie_word_embeddings"));
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
