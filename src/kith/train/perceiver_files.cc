#include <array>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/train/perceiver.h"
#include "kith/train/tensor_file.h"

namespace kith::train {
namespace {

constexpr const char* kConfigFile = "perceiver_config.json";
constexpr const char* kWeightsFile = "perceiver.safetensors";

struct Shape {
  PerceiverRecipe perceiver;
  std::int64_t width = 0;
  std::int64_t window = 0;
};

Result<Shape> read_shape(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  Shape shape;
  const std::array<std::pair<const char*, std::int64_t*>, 6> sizes{
      {{"num_latents", &shape.perceiver.num_latents},
       {"num_layers", &shape.perceiver.num_layers},
       {"num_attention_heads", &shape.perceiver.num_attention_heads},
       {"intermediate_size", &shape.perceiver.intermediate_size},
       {"width", &shape.width},
       {"window", &shape.window}}};
  for (const auto& [key, to] : sizes) {
    KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
    if (!value || *value < 1 || *value > (1 << 16)) {
      return Error{ErrorCode::kInvalidArgument, std::string(key) + " must be in [1, 65536]"};
    }
    *to = *value;
  }
  if (shape.width % shape.perceiver.num_attention_heads != 0) {
    return Error{ErrorCode::kInvalidArgument, "num_attention_heads must divide width"};
  }
  return shape;
}

}  // namespace

Status save_perceiver(const Perceiver& perceiver, const std::filesystem::path& directory) {
  const PerceiverRecipe& shape = perceiver.shape();
  const base::OrderedJson config{{"perceiver_type", "cross_attention"},
                                 {"version", 1},
                                 {"width", perceiver.width()},
                                 {"window", perceiver.window()},
                                 {"num_latents", shape.num_latents},
                                 {"num_layers", shape.num_layers},
                                 {"num_attention_heads", shape.num_attention_heads},
                                 {"intermediate_size", shape.intermediate_size}};
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / kConfigFile, config.dump(2) + "\n"));
  TensorFile file;
  file.add_all(perceiver.parameters(), torch::kFloat);
  return tensor::save_safetensors(directory / kWeightsFile, file.entries, {{"format", "pt"}});
}

Result<std::unique_ptr<Perceiver>> load_perceiver(const std::filesystem::path& directory,
                                                  torch::Device device, torch::Dtype dtype) {
  auto shape = read_shape(directory / kConfigFile);
  if (!shape) return std::move(shape).error().with_context((directory / kConfigFile).string());
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(directory / kWeightsFile));
  auto perceiver =
      std::make_unique<Perceiver>(shape->perceiver, shape->width, shape->window, device, dtype);
  KITH_RETURN_IF_ERROR(
      read_all([&](std::string_view name) { return file.find(name); }, perceiver->parameters()));
  return perceiver;
}

}  // namespace kith::train
