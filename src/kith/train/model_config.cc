#include "kith/train/model_config.h"

#include <array>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::train {
namespace {

using base::Json;
using base::OrderedJson;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

Status read_size(const Json& json, const char* key, std::int64_t& to) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
  if (value) to = *value;
  return {};
}

Status read_real(const Json& json, const char* key, double& to) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_number(json, key));
  if (value) to = *value;
  return {};
}

Status refuse_true(const Json& json, const char* key) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_bool(json, key));
  if (value.value_or(false)) return invalid(std::string(key) + " is not supported in training");
  return {};
}

Status read_scaling(const Json& json, RopeScaling& to) {
  if (!json.contains("rope_scaling") || json["rope_scaling"].is_null()) return {};
  const Json& scaling = json["rope_scaling"];
  if (!scaling.is_object()) return invalid("rope_scaling must be an object");
  KITH_ASSIGN_OR_RETURN(auto type, base::read_string(scaling, "rope_type"));
  if (!type) {
    KITH_ASSIGN_OR_RETURN(type, base::read_string(scaling, "type"));
  }
  to.type = type.value_or("default");
  KITH_RETURN_IF_ERROR(read_real(scaling, "factor", to.factor));
  KITH_RETURN_IF_ERROR(read_real(scaling, "low_freq_factor", to.low_freq_factor));
  KITH_RETURN_IF_ERROR(read_real(scaling, "high_freq_factor", to.high_freq_factor));
  return read_size(scaling, "original_max_position_embeddings",
                   to.original_max_position_embeddings);
}

Status check_architecture(const Json& json) {
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "model_type"));
  if (type && *type != "llama") {
    return invalid("model_type must be llama: " + *type);
  }
  KITH_RETURN_IF_ERROR(refuse_true(json, "attention_bias"));
  return refuse_true(json, "mlp_bias");
}

OrderedJson scaling_json(const RopeScaling& scaling) {
  if (scaling.type == "default") return nullptr;
  OrderedJson json{{"rope_type", scaling.type}, {"factor", scaling.factor}};
  if (scaling.type == "llama3") {
    json["low_freq_factor"] = scaling.low_freq_factor;
    json["high_freq_factor"] = scaling.high_freq_factor;
    json["original_max_position_embeddings"] = scaling.original_max_position_embeddings;
  }
  return json;
}

}  // namespace

Status check_model_config(const ModelConfig& c) {
  constexpr std::int64_t kLimit = 1 << 20;
  const std::array<std::pair<const char*, std::int64_t>, 8> sizes{{
      {"vocab_size", c.vocab_size},
      {"hidden_size", c.hidden_size},
      {"num_hidden_layers", c.num_hidden_layers},
      {"num_attention_heads", c.num_attention_heads},
      {"num_key_value_heads", c.num_key_value_heads},
      {"head_dim", c.head_dim},
      {"intermediate_size", c.intermediate_size},
      {"max_position_embeddings", c.max_position_embeddings},
  }};
  for (const auto& [key, size] : sizes) {
    if (size < 1 || size > kLimit) {
      return invalid(std::string(key) + " must be in [1, 1048576]: " + std::to_string(size));
    }
  }
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    return invalid("num_attention_heads must be a multiple of num_key_value_heads: " +
                   std::to_string(c.num_attention_heads));
  }
  if (c.head_dim % 2 != 0) return invalid("head_dim must be even: " + std::to_string(c.head_dim));
  if (!(c.rope_theta > 0.0)) return invalid("rope_theta must be positive");
  if (!(c.rms_norm_eps > 0.0)) return invalid("rms_norm_eps must be positive");
  const std::string& type = c.rope_scaling.type;
  if (type != "default" && type != "linear" && type != "llama3") {
    return invalid("rope_scaling type must be default, linear or llama3: " + type);
  }
  if (!(c.rope_scaling.factor > 0.0)) return invalid("rope_scaling factor must be positive");
  return {};
}

std::string to_config_json(const ModelConfig& c, std::int64_t bos, std::int64_t eos,
                           const std::string& dtype) {
  const auto id_or_null = [](std::int64_t id) {
    return id < 0 ? OrderedJson(nullptr) : OrderedJson(id);
  };
  const OrderedJson json{
      {"architectures", {"LlamaForCausalLM"}},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"bos_token_id", id_or_null(bos)},
      {"eos_token_id", id_or_null(eos)},
      {"head_dim", c.head_dim},
      {"hidden_act", "silu"},
      {"hidden_size", c.hidden_size},
      {"initializer_range", 0.02},
      {"intermediate_size", c.intermediate_size},
      {"max_position_embeddings", c.max_position_embeddings},
      {"mlp_bias", false},
      {"model_type", "llama"},
      {"num_attention_heads", c.num_attention_heads},
      {"num_hidden_layers", c.num_hidden_layers},
      {"num_key_value_heads", c.num_key_value_heads},
      {"rms_norm_eps", c.rms_norm_eps},
      {"rope_scaling", scaling_json(c.rope_scaling)},
      {"rope_theta", c.rope_theta},
      {"tie_word_embeddings", c.tie_word_embeddings},
      {"torch_dtype", dtype},
      {"use_cache", true},
      {"vocab_size", c.vocab_size},
  };
  return json.dump(2) + "\n";
}

Result<ModelConfig> read_config_json(const std::filesystem::path& path) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(path));
  auto config = parse_config_json(text);
  if (!config) return std::move(config).error().with_context(path.string());
  return config;
}

Result<ModelConfig> parse_config_json(const std::string& text) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(text));
  if (!json.is_object()) return invalid("a model config must be an object");
  KITH_RETURN_IF_ERROR(check_architecture(json));
  ModelConfig c;
  KITH_RETURN_IF_ERROR(read_size(json, "vocab_size", c.vocab_size));
  KITH_RETURN_IF_ERROR(read_size(json, "hidden_size", c.hidden_size));
  KITH_RETURN_IF_ERROR(read_size(json, "num_hidden_layers", c.num_hidden_layers));
  KITH_RETURN_IF_ERROR(read_size(json, "num_attention_heads", c.num_attention_heads));
  c.num_key_value_heads = c.num_attention_heads;
  KITH_RETURN_IF_ERROR(read_size(json, "num_key_value_heads", c.num_key_value_heads));
  c.head_dim = c.num_attention_heads > 0 ? c.hidden_size / c.num_attention_heads : 0;
  KITH_RETURN_IF_ERROR(read_size(json, "head_dim", c.head_dim));
  KITH_RETURN_IF_ERROR(read_size(json, "intermediate_size", c.intermediate_size));
  KITH_RETURN_IF_ERROR(read_size(json, "max_position_embeddings", c.max_position_embeddings));
  KITH_RETURN_IF_ERROR(read_real(json, "rope_theta", c.rope_theta));
  KITH_RETURN_IF_ERROR(read_real(json, "rms_norm_eps", c.rms_norm_eps));
  c.tie_word_embeddings = false;
  KITH_ASSIGN_OR_RETURN(const auto tied, base::read_bool(json, "tie_word_embeddings"));
  c.tie_word_embeddings = tied.value_or(false);
  KITH_RETURN_IF_ERROR(read_scaling(json, c.rope_scaling));
  KITH_RETURN_IF_ERROR(check_model_config(c));
  return c;
}

}  // namespace kith::train
