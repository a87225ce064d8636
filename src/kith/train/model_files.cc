#include "kith/train/model_files.h"

#include <array>
#include <cstring>
#include <map>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/safetensors.h"
#include "kith/train/tensor_file.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::OrderedJson;
using torch::Tensor;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status copy_tokenizer(const fs::path& from, const fs::path& to) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "chat_template.jinja"}) {
    if (!fs::exists(from / name)) continue;
    KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(from / name));
    KITH_RETURN_IF_ERROR(base::write_file_atomically(to / name, bytes));
  }
  return {};
}

// Ids of special tokens by content, read from the tokenizer's JSON so that no text library is
// needed.
std::map<std::string, std::int64_t> special_ids(const fs::path& tokenizer) {
  std::map<std::string, std::int64_t> ids;
  const auto text = base::read_file(tokenizer / "tokenizer.json");
  if (!text) return ids;
  const auto json = base::parse_json(*text);
  if (!json || !json->is_object() || !json->contains("added_tokens")) return ids;
  for (const Json& token : (*json)["added_tokens"]) {
    if (!token.is_object()) continue;
    const auto content = base::read_string(token, "content");
    const auto id = base::read_integer(token, "id");
    if (content && *content && id && *id) ids[**content] = **id;
  }
  return ids;
}

std::int64_t find_id(const std::map<std::string, std::int64_t>& ids,
                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto found = ids.find(name); found != ids.end()) return found->second;
  }
  return -1;
}

struct SpecialIds {
  std::int64_t end_turn;
  std::int64_t end_text;
};

SpecialIds find_special(const fs::path& tokenizer) {
  const auto ids = special_ids(tokenizer);
  const std::int64_t end_text = find_id(ids, {"<|endoftext|>", "</s>", "<|end_of_text|>"});
  const std::int64_t end_turn = find_id(ids, {"<|im_end|>", "<|eot_id|>"});
  return {end_turn < 0 ? end_text : end_turn, end_text};
}

std::string generation_config(const SpecialIds& ids) {
  OrderedJson json = OrderedJson::object();
  if (ids.end_text >= 0) json["bos_token_id"] = ids.end_text;
  if (ids.end_turn >= 0) {
    json["eos_token_id"] = ids.end_turn == ids.end_text || ids.end_text < 0
                               ? OrderedJson(ids.end_turn)
                               : OrderedJson{ids.end_turn, ids.end_text};
    json["pad_token_id"] = ids.end_text >= 0 ? ids.end_text : ids.end_turn;
  }
  return json.dump(2) + "\n";
}

Status make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error) return {};
  return Error{ErrorCode::kUnavailable,
               "cannot create " + directory.string() + ": " + error.message()};
}

// Whether a key of PEFT's configuration asks for nothing: absent, null, false, empty or "none".
bool is_off(const Json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return true;
  if (found->is_boolean()) return !found->get<bool>();
  if (found->is_string()) return *found == "none";
  return found->empty();
}

Result<LoraOptions> read_adapter_config(const fs::path& path) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(path));
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(text));
  if (!json.is_object()) return invalid("must be an object");
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "peft_type"));
  if (type != "LORA") return invalid("peft_type must be LORA");
  for (const char* key : {"bias", "use_rslora", "use_dora", "fan_in_fan_out", "modules_to_save",
                          "rank_pattern", "alpha_pattern", "layers_to_transform"}) {
    if (!is_off(json, key)) return invalid(std::string(key) + " is not supported in training");
  }
  LoraOptions options;
  KITH_ASSIGN_OR_RETURN(const auto rank, base::read_integer(json, "r"));
  KITH_ASSIGN_OR_RETURN(const auto alpha, base::read_number(json, "lora_alpha"));
  if (!rank || !alpha) return invalid("r and lora_alpha must be given");
  options.rank = *rank;
  options.alpha = *alpha;
  options.targets.clear();
  const auto targets = json.find("target_modules");
  if (targets == json.end() || !targets->is_array()) {
    return invalid("target_modules must be an array");
  }
  for (const Json& target : *targets) {
    if (!target.is_string()) return invalid("target_modules must be an array of strings");
    options.targets.push_back(target.get<std::string>());
  }
  KITH_RETURN_IF_ERROR(check_lora_options(options));
  return options;
}

Result<std::int64_t> read_metadata(const tensor::SafetensorsHeader& header, const char* key) {
  const auto found = header.metadata.find(key);
  if (found == header.metadata.end()) {
    return invalid(std::string("checkpoint lacks ") + key);
  }
  try {
    return static_cast<std::int64_t>(std::stoll(found->second));
  } catch (const std::exception&) {
    return invalid(std::string("checkpoint holds no number as ") + key);
  }
}

// The tensors of a checkpoint that belong to store `index` of a run.
std::array<std::pair<std::string, Tensor>, 3> tensors_of(const TrainedStore& store,
                                                         std::size_t index) {
  const std::string suffix = index == 0 ? "" : "." + std::to_string(index);
  return {{{"master" + suffix, store.parameters->master()},
           {"first_moment" + suffix, store.optimizer->first_moment()},
           {"second_moment" + suffix, store.optimizer->second_moment()}}};
}

constexpr const char* kCheckpointFormat = "kith-train-checkpoint-1";

Status check_format(const tensor::SafetensorsHeader& header, const fs::path& path) {
  const auto format = header.metadata.find("format");
  if (format != header.metadata.end() && format->second == kCheckpointFormat) return {};
  return invalid("not a training checkpoint: " + path.string());
}

}  // namespace

Status save_model(const Decoder& decoder, const fs::path& tokenizer, torch::Dtype dtype,
                  const fs::path& directory) {
  KITH_RETURN_IF_ERROR(make_directory(directory));
  const SpecialIds ids = find_special(tokenizer);
  const std::string config = to_config_json(decoder.config(), ids.end_text, ids.end_turn,
                                            dtype == torch::kBFloat16 ? "bfloat16" : "float32");
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / "config.json", config));
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(directory / "generation_config.json", generation_config(ids)));
  KITH_RETURN_IF_ERROR(copy_tokenizer(tokenizer, directory));
  TensorFile file;
  file.add_all(decoder.parameters(), dtype);
  return tensor::save_safetensors(directory / "model.safetensors", file.entries,
                                  {{"format", "pt"}});
}

Result<std::unique_ptr<Decoder>> load_model(const fs::path& directory, torch::Device device,
                                            torch::Dtype dtype) {
  KITH_ASSIGN_OR_RETURN(const ModelConfig config, read_config_json(directory / "config.json"));
  KITH_ASSIGN_OR_RETURN(const auto reader, tensor::CheckpointReader::open(directory));
  auto decoder = std::make_unique<Decoder>(config, device, dtype);
  KITH_RETURN_IF_ERROR(
      read_all([&](std::string_view name) { return reader.find(name); }, decoder->parameters()));
  return decoder;
}

Status save_encoder(const Decoder& decoder, std::int64_t window, const fs::path& directory) {
  KITH_RETURN_IF_ERROR(make_directory(directory));
  KITH_ASSIGN_OR_RETURN(OrderedJson config, base::parse_ordered_json(to_config_json(
                                                decoder.config(), -1, -1, "float32")));
  // The same layers as Llama's, with a window.
  config["architectures"] = {"MistralForCausalLM"};
  config["model_type"] = "mistral";
  config["sliding_window"] = window;
  // Positions only turn queries and keys against each other, so a timeline may be of any length.
  config["max_position_embeddings"] = std::int64_t{1} << 20;
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(directory / "config.json", config.dump(2) + "\n"));
  TensorFile file;
  file.add_all(decoder.parameters(), torch::kFloat);
  return tensor::save_safetensors(directory / "model.safetensors", file.entries,
                                  {{"format", "pt"}});
}

Status save_adapter(const LoraWeights& lora, const std::string& base_model,
                    const fs::path& directory) {
  KITH_RETURN_IF_ERROR(make_directory(directory));
  const LoraOptions& options = lora.options();
  const OrderedJson config{{"peft_type", "LORA"},
                           {"task_type", "CAUSAL_LM"},
                           {"base_model_name_or_path", base_model},
                           {"r", options.rank},
                           {"lora_alpha", options.alpha},
                           {"lora_dropout", options.dropout},
                           {"target_modules", options.targets},
                           {"bias", "none"},
                           {"fan_in_fan_out", false},
                           {"use_rslora", false},
                           {"use_dora", false},
                           {"modules_to_save", nullptr},
                           {"init_lora_weights", true},
                           {"inference_mode", true}};
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(directory / "adapter_config.json", config.dump(2) + "\n"));
  TensorFile file;
  file.add_all(lora.parameters(), torch::kFloat);
  return tensor::save_safetensors(directory / "adapter_model.safetensors", file.entries,
                                  {{"format", "pt"}});
}

Result<std::unique_ptr<LoraWeights>> load_adapter(const fs::path& directory,
                                                  const ModelConfig& config, double dropout,
                                                  torch::Device device, torch::Dtype dtype) {
  const fs::path config_path = directory / "adapter_config.json";
  auto options = read_adapter_config(config_path);
  if (!options) return std::move(options).error().with_context(config_path.string());
  options->dropout = dropout;
  const fs::path path = directory / "adapter_model.safetensors";
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(path));
  auto lora = std::make_unique<LoraWeights>(config, *options, device, dtype);
  ParameterStore& parameters = lora->parameters();
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.specs().size(); ++i) {
    const std::string& name = parameters.specs()[i].parts.front().name;
    const auto view = file.find(name);
    if (!view) return invalid(path.string() + ": tensor is missing: " + name);
    if (auto read = read_into(*view, name, parameters.master_of(i)); !read) {
      return std::move(read).error().with_context(path.string());
    }
  }
  if (file.header().tensors.size() != parameters.specs().size()) {
    return invalid(path.string() + ": holds tensors of modules that are not in target_modules");
  }
  parameters.refresh();
  return lora;
}

Status save_checkpoint(const fs::path& path, std::span<const TrainedStore> stores,
                       const RunState& state, const std::string& config_json) {
  TensorFile file;
  for (std::size_t i = 0; i < stores.size(); ++i) {
    for (const auto& [name, tensor] : tensors_of(stores[i], i)) {
      file.add(name, tensor, torch::kFloat);
    }
  }
  const auto elapsed = static_cast<std::int64_t>(state.elapsed_seconds * 1e6);
  return tensor::save_safetensors(
      path, file.entries,
      {{"format", kCheckpointFormat},
       {"config", config_json},
       {"step", std::to_string(state.step)},
       {"tokens", std::to_string(state.tokens)},
       {"elapsed_microseconds", std::to_string(elapsed)},
       {"updates", std::to_string(stores.front().optimizer->num_updates())},
       {"stage", std::to_string(state.position.stage)},
       {"cycle", std::to_string(state.position.cycle)},
       {"index", std::to_string(state.position.index)}});
}

Result<RunState> load_checkpoint(const fs::path& path, std::span<const TrainedStore> stores,
                                 const std::string& config_json) {
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(path));
  KITH_RETURN_IF_ERROR(check_format(file.header(), path));
  if (file.header().metadata.find("config")->second != config_json) {
    return invalid("checkpoint belongs to another model: " + path.string());
  }
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < stores.size(); ++i) {
    for (const auto& [name, to] : tensors_of(stores[i], i)) {
      const auto view = file.find(name);
      if (!view) return invalid("checkpoint lacks " + name);
      KITH_RETURN_IF_ERROR(read_into(*view, name, to));
    }
  }
  RunState state;
  std::int64_t elapsed = 0;
  std::int64_t updates = 0;
  const std::array<std::pair<const char*, std::int64_t*>, 7> numbers{
      {{"step", &state.step},
       {"tokens", &state.tokens},
       {"elapsed_microseconds", &elapsed},
       {"updates", &updates},
       {"stage", &state.position.stage},
       {"cycle", &state.position.cycle},
       {"index", &state.position.index}}};
  for (const auto& [key, to] : numbers) {
    KITH_ASSIGN_OR_RETURN(*to, read_metadata(file.header(), key));
  }
  state.elapsed_seconds = static_cast<double>(elapsed) * 1e-6;
  for (const TrainedStore& store : stores) {
    store.optimizer->set_num_updates(updates);
    store.parameters->refresh();
  }
  return state;
}

Status export_checkpoint(const fs::path& checkpoint, torch::Dtype dtype,
                         const fs::path& directory) {
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(checkpoint));
  KITH_RETURN_IF_ERROR(check_format(file.header(), checkpoint));
  const auto found = file.header().metadata.find("config");
  if (found == file.header().metadata.end()) return invalid("checkpoint lacks config");
  KITH_ASSIGN_OR_RETURN(const ModelConfig config, parse_config_json(found->second));
  Decoder decoder(config, torch::kCPU, torch::kFloat);
  const auto master = file.find("master");
  if (!master) return invalid("checkpoint lacks master");
  {
    const torch::NoGradGuard no_grad;
    KITH_RETURN_IF_ERROR(read_into(*master, "master", decoder.parameters().master()));
  }
  return save_model(decoder, checkpoint.parent_path() / "tokenizer", dtype, directory);
}

}  // namespace kith::train
