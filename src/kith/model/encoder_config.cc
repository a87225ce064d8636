#include "kith/model/encoder_config.h"

#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/model/config_fields.h"

namespace kith::model {
namespace {

using base::Json;

Error unsupported(const std::string& what, const std::string& supported, const std::string& found) {
  return invalid(what + " is not supported (supported: " + supported +
                 "): " + found.substr(0, 100));
}

// Heads beside the encoder (for language modelling, say) are of no interest here.
bool is_bert(const std::string& architecture) {
  return architecture == "BertModel" || architecture.starts_with("BertFor");
}

Result<std::string> read_architecture(const Json& json) {
  const auto it = json.find("architectures");
  if (it != json.end() && it->is_array() && !it->empty() && it->front().is_string()) {
    auto name = it->front().get<std::string>();
    if (is_bert(name)) return name;
    return unsupported("architecture", "BertModel", name);
  }
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "model_type"));
  if (type && *type == "bert") return std::string("BertModel");
  return unsupported("architecture", "BertModel", type.value_or("none is named"));
}

Status read_sizes(const Json& json, EncoderConfig& config) {
  KITH_ASSIGN_OR_RETURN(config.vocab_size, read_size(json, "vocab_size", kMaxVocab));
  KITH_ASSIGN_OR_RETURN(config.hidden_size, read_size(json, "hidden_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.intermediate_size, read_size(json, "intermediate_size", kMaxWidth));
  KITH_ASSIGN_OR_RETURN(config.num_layers, read_size(json, "num_hidden_layers", 1024));
  KITH_ASSIGN_OR_RETURN(config.num_heads, read_size(json, "num_attention_heads", 1024));
  KITH_ASSIGN_OR_RETURN(config.max_positions,
                        read_size(json, "max_position_embeddings", kMaxPositions, 512));
  KITH_ASSIGN_OR_RETURN(config.num_token_types, read_size(json, "type_vocab_size", 1024, 2));
  if (config.hidden_size % config.num_heads != 0 || config.head_dim() % 2 != 0) {
    return invalid("num_attention_heads must divide hidden_size into heads of an even size: " +
                   std::to_string(config.num_heads));
  }
  return {};
}

Status refuse_unsupported(const Json& json) {
  KITH_ASSIGN_OR_RETURN(const auto activation, base::read_string(json, "hidden_act"));
  if (activation && *activation != "gelu") return unsupported("hidden_act", "gelu", *activation);
  KITH_ASSIGN_OR_RETURN(const auto positions, base::read_string(json, "position_embedding_type"));
  if (positions && *positions != "absolute") {
    return unsupported("position_embedding_type", "absolute", *positions);
  }
  KITH_ASSIGN_OR_RETURN(const bool is_decoder, read_flag(json, "is_decoder"));
  if (is_decoder) return invalid("is_decoder is not supported: an encoder is needed");
  if (json.contains("quantization_config") && !json["quantization_config"].is_null()) {
    return invalid("quantization_config is not supported: use the unquantized checkpoint");
  }
  return {};
}

}  // namespace

Result<EncoderConfig> parse_encoder_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(json_text));
  if (!json.is_object()) return invalid("config.json must hold an object");
  EncoderConfig config;
  KITH_ASSIGN_OR_RETURN(config.architecture, read_architecture(json));
  KITH_RETURN_IF_ERROR(refuse_unsupported(json));
  KITH_RETURN_IF_ERROR(read_sizes(json, config));
  KITH_ASSIGN_OR_RETURN(const double eps, read_positive(json, "layer_norm_eps", 1e-12));
  config.layer_norm_eps = static_cast<float>(eps);
  return config;
}

Result<EncoderConfig> load_encoder_config(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(dir / "config.json"));
  auto config = parse_encoder_config(text);
  if (!config) return std::move(config).error().with_context((dir / "config.json").string());
  return config;
}

}  // namespace kith::model
