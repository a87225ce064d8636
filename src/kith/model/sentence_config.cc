#include "kith/model/sentence_config.h"

#include <array>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/model/config_fields.h"

namespace kith::model {
namespace {

using base::Json;

constexpr std::size_t kMaxPromptBytes = 4096;

// Of the file, with its name before errors. No value without the file.
template <typename T>
Result<std::optional<T>> read_optional(const std::filesystem::path& file,
                                       Result<T> (*parse)(std::string_view)) {
  auto text = base::read_file(file);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::optional<T>();
  if (!text) return std::move(text).error();
  auto value = parse(*text);
  if (!value) return std::move(value).error().with_context(file.string());
  return std::optional<T>(*std::move(value));
}

Result<Json> parse_object(std::string_view text) {
  KITH_ASSIGN_OR_RETURN(Json json, base::parse_json(text));
  if (!json.is_object()) return invalid("must hold an object");
  return json;
}

// "sentence_transformers.models.Pooling" -> "Pooling". Classes of others are no modules of theirs.
std::string module_kind(const std::string& type) {
  if (!type.starts_with("sentence_transformers.")) return type;
  return type.substr(type.rfind('.') + 1);
}

// A directory inside the model's own; empty for that itself.
Result<std::filesystem::path> read_module_path(const Json& module) {
  KITH_ASSIGN_OR_RETURN(const auto path, base::read_string(module, "path"));
  const std::string name = path.value_or("");
  const bool is_plain = name != "." && name != ".." &&
                        name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!is_plain) {
    return invalid("a module's path must name a directory of the model: " + name.substr(0, 100));
  }
  return std::filesystem::path(name);
}

}  // namespace

Result<SentenceModules> parse_sentence_modules(std::string_view json_text) {
  constexpr std::array<std::string_view, 3> kOrder{"Transformer", "Pooling", "Normalize"};
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(json_text));
  if (!json.is_array() || json.size() < 2) {
    return invalid("must hold an array of the modules Transformer, Pooling and maybe Normalize");
  }
  SentenceModules modules;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!json[i].is_object()) return invalid("a module must be an object");
    KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json[i], "type"));
    const std::string kind = module_kind(type.value_or("none is named"));
    if (i >= kOrder.size() || kind != kOrder[i]) {
      return invalid(
          "module is not supported there (supported: Transformer, Pooling, Normalize, in this "
          "order): " +
          kind.substr(0, 100));
    }
    KITH_ASSIGN_OR_RETURN(const auto path, read_module_path(json[i]));
    if (i == 0) modules.encoder_dir = path;
    if (i == 1) modules.pooling_dir = path;
    modules.normalizes = i == 2;
  }
  return modules;
}

Result<Pooling> parse_pooling_config(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, parse_object(json_text));
  KITH_ASSIGN_OR_RETURN(const auto includes_prompt, base::read_bool(json, "include_prompt"));
  if (!includes_prompt.value_or(true)) return invalid("include_prompt false is not supported");
  const auto refuse = [](const std::string& modes) {
    return invalid("pooling mode must be mean or cls: " + modes.substr(0, 200));
  };
  // Newer files name the mode, older ones have a flag for each.
  KITH_ASSIGN_OR_RETURN(const auto named, base::read_string(json, "pooling_mode"));
  std::string modes = named.value_or("");
  constexpr std::string_view kFlag = "pooling_mode_";
  for (const auto& [key, value] : json.items()) {
    if (!key.starts_with(kFlag) || value.is_null()) continue;
    if (!value.is_boolean()) return invalid(key.substr(0, 100) + " must be true or false");
    if (value.get<bool>()) modes += (modes.empty() ? "" : ", ") + key.substr(kFlag.size());
  }
  if (modes == "mean" || modes == "mean_tokens") return Pooling::kMean;
  if (modes == "cls" || modes == "cls_token") return Pooling::kCls;
  return refuse(modes.empty() ? "none is named" : modes);
}

Result<std::optional<int>> parse_max_tokens(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, parse_object(json_text));
  KITH_ASSIGN_OR_RETURN(const bool lowers, read_flag(json, "do_lower_case"));
  if (lowers) return invalid("do_lower_case is not supported: the tokenizer's normalizer does it");
  if (!json.contains("max_seq_length") || json["max_seq_length"].is_null()) {
    return std::optional<int>();
  }
  KITH_ASSIGN_OR_RETURN(const int length, read_size(json, "max_seq_length", kMaxPositions));
  return std::optional<int>(length);
}

Result<std::string> parse_default_prompt(std::string_view json_text) {
  KITH_ASSIGN_OR_RETURN(const Json json, parse_object(json_text));
  KITH_ASSIGN_OR_RETURN(const auto name, base::read_string(json, "default_prompt_name"));
  if (!name) return std::string();
  const auto prompts = json.find("prompts");
  if (prompts == json.end() || !prompts->is_object()) {
    return invalid("default_prompt_name names none of the prompts");
  }
  KITH_ASSIGN_OR_RETURN(const auto prompt, base::read_string(*prompts, name->c_str()));
  if (!prompt) return invalid("default_prompt_name names none of the prompts");
  if (prompt->size() > kMaxPromptBytes) return invalid("a prompt must have at most 4096 bytes");
  return *prompt;
}

Result<SentenceConfig> load_sentence_config(const std::filesystem::path& dir) {
  SentenceConfig config;
  KITH_ASSIGN_OR_RETURN(const auto modules,
                        read_optional(dir / "modules.json", &parse_sentence_modules));
  if (modules) {
    config.encoder_dir = modules->encoder_dir;
    config.normalizes = modules->normalizes;
    const auto file = dir / modules->pooling_dir / "config.json";
    KITH_ASSIGN_OR_RETURN(const auto pooling, read_optional(file, &parse_pooling_config));
    if (!pooling) return Error{ErrorCode::kNotFound, "no such file: " + file.string()};
    config.pooling = *pooling;
  }
  const auto limits = dir / config.encoder_dir / "sentence_bert_config.json";
  KITH_ASSIGN_OR_RETURN(const auto max_tokens, read_optional(limits, &parse_max_tokens));
  config.max_tokens = max_tokens.value_or(std::nullopt);
  const auto prompts = dir / "config_sentence_transformers.json";
  KITH_ASSIGN_OR_RETURN(auto prompt, read_optional(prompts, &parse_default_prompt));
  config.prompt = prompt.value_or("");
  return config;
}

}  // namespace kith::model
