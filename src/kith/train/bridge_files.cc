// The part of user_bridge.h that writes files.
#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/tensor/safetensors.h"
#include "kith/train/tensor_file.h"
#include "kith/train/user_bridge.h"

namespace kith::train {
namespace {

base::OrderedJson config_of(const UserBridge& bridge, const std::string& base_model) {
  const BridgeShape& shape = bridge.shape();
  const BridgeRecipe& r = shape.recipe;
  base::OrderedJson config{
      {"bridge_type", bridge.is_soft_prompt() ? "soft_prompt" : "gated_cross_attention"},
      {"version", 1},
      {"hidden_size", shape.hidden_size},
      {"memory_width", shape.memory_width}};
  if (bridge.is_soft_prompt()) {
    config["rows"] = shape.memory_rows;
    config["intermediate_size"] = r.intermediate_size;
  } else {
    config["num_hidden_layers"] = shape.num_hidden_layers;
    config["num_attention_heads"] = r.num_attention_heads;
    config["num_key_value_heads"] = r.num_key_value_heads;
    config["head_dim"] = r.head_dim;
    config["layers"] = r.layers;
  }
  config["rms_norm_eps"] = 1e-6;
  config["base_model_name_or_path"] = base_model;
  if (!r.encoder_version.empty()) config["encoder_version"] = r.encoder_version;
  return config;
}

}  // namespace

Status save_bridge(const UserBridge& bridge, const std::string& base_model,
                   const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Error{ErrorCode::kUnavailable, "cannot create " + directory.string()};
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / "bridge_config.json",
                                                   config_of(bridge, base_model).dump(2) + "\n"));
  TensorFile file;
  file.add_all(bridge.parameters(), torch::kFloat);
  return tensor::save_safetensors(directory / "bridge_model.safetensors", file.entries,
                                  {{"format", "pt"}});
}

}  // namespace kith::train
