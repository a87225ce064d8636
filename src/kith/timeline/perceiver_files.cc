#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/nn/cross_attention.h"
#include "kith/tensor/safetensors.h"
#include "kith/timeline/perceiver.h"

namespace kith::timeline {
namespace {

constexpr const char* kConfigFile = "perceiver_config.json";
constexpr const char* kWeightsFile = "perceiver.safetensors";
constexpr int kMostLatents = 512;
constexpr int kMostLayers = 16;
constexpr int kMostInner = 1 << 16;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<int> read_size(const base::Json& json, const char* key, int most) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
  if (value && *value >= 1 && *value <= most) return static_cast<int>(*value);
  return invalid(std::string(key) + " must be in [1, " + std::to_string(most) + "]");
}

Status check_kind(const base::Json& json) {
  if (!json.is_object()) return invalid("must hold an object");
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(json, "perceiver_type"));
  if (type != "cross_attention") return invalid("perceiver_type must be cross_attention");
  KITH_ASSIGN_OR_RETURN(const auto version, base::read_integer(json, "version"));
  if (version != 1) return invalid("version must be 1");
  return {};
}

tensor::LinearPart part_of(const std::vector<float>& weights, int out) {
  return {.weights = std::as_bytes(std::span(weights)), .out = out};
}

}  // namespace

// Makes a Perceiver of its files.
class Perceiver::Reader {
 public:
  Reader(const tensor::SafetensorsFile& file, Perceiver& to) : file_(file), to_(to) {}

  Status read_config(const base::Json& json, int width) {
    KITH_RETURN_IF_ERROR(check_kind(json));
    KITH_ASSIGN_OR_RETURN(to_.width_, read_size(json, "width", kMostInner));
    if (to_.width_ != width) {
      return invalid("width must be that of the encoder, " + std::to_string(width) + ": " +
                     std::to_string(to_.width_));
    }
    KITH_ASSIGN_OR_RETURN(to_.window_, read_size(json, "window", nn::kMaxMemoryRows));
    KITH_ASSIGN_OR_RETURN(to_.num_latents_, read_size(json, "num_latents", kMostLatents));
    KITH_ASSIGN_OR_RETURN(to_.num_heads_, read_size(json, "num_attention_heads", width));
    if (width % to_.num_heads_ != 0) return invalid("num_attention_heads must divide width");
    KITH_ASSIGN_OR_RETURN(to_.intermediate_size_, read_size(json, "intermediate_size", kMostInner));
    KITH_ASSIGN_OR_RETURN(num_layers_, read_size(json, "num_layers", kMostLayers));
    to_.num_buckets_ = age_bucket(to_.window_ - 1) + 1;
    return {};
  }

  Status read_weights() {
    KITH_ASSIGN_OR_RETURN(to_.latents_, read("latents", {to_.num_latents_, to_.width_}));
    KITH_ASSIGN_OR_RETURN(to_.norm_, read("norm.weight", {to_.width_}));
    KITH_ASSIGN_OR_RETURN(auto vector, map({{"vector_proj", to_.width_}}, to_.width_));
    to_.vector_proj_.push_back(std::move(vector));
    for (int layer = 0; layer < num_layers_; ++layer) KITH_RETURN_IF_ERROR(read_layer(layer));
    return {};
  }

 private:
  // As f32. Errors: kInvalidArgument naming the tensor.
  Result<std::vector<float>> read(const std::string& name, std::vector<std::int64_t> shape) {
    const auto view = file_.find(name);
    const bool fits =
        view && tensor::is_weight_dtype(view->dtype) &&
        std::equal(view->shape.begin(), view->shape.end(), shape.begin(), shape.end());
    if (!fits) return invalid("tensor " + name + " is missing or of another shape or type");
    std::vector<float> values(view->bytes.size() / tensor::dtype_size(view->dtype));
    tensor::convert_to_f32(view->bytes, view->dtype, values);
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      return invalid("tensor " + name + " must hold finite numbers");
    }
    return values;
  }

  // The stack of the maps of these names and outputs.
  Result<tensor::Linear> map(const std::vector<std::pair<std::string, int>>& parts, int in) {
    std::vector<std::vector<float>> weights;
    std::vector<tensor::LinearPart> stacked;
    for (const auto& [name, out] : parts) {
      KITH_ASSIGN_OR_RETURN(auto values, read(name + ".weight", {out, in}));
      weights.push_back(std::move(values));
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      stacked.push_back(part_of(weights[i], parts[i].second));
    }
    return tensor::Linear::create(in, stacked,
                                  {.weights = tensor::DType::kF32, .threads = to_.threads_});
  }

  Status read_layer(int index) {
    const std::string prefix = "layers." + std::to_string(index) + ".";
    const int width = to_.width_;
    const int inner = to_.intermediate_size_;
    KITH_ASSIGN_OR_RETURN(auto attention_norm, read(prefix + "attn_norm.weight", {width}));
    KITH_ASSIGN_OR_RETURN(auto mlp_norm, read(prefix + "mlp_norm.weight", {width}));
    KITH_ASSIGN_OR_RETURN(auto age_bias,
                          read(prefix + "age_bias", {to_.num_heads_ * to_.num_buckets_}));
    KITH_ASSIGN_OR_RETURN(auto q, map({{prefix + "q_proj", width}}, width));
    KITH_ASSIGN_OR_RETURN(auto kv,
                          map({{prefix + "k_proj", width}, {prefix + "v_proj", width}}, width));
    KITH_ASSIGN_OR_RETURN(auto o, map({{prefix + "o_proj", width}}, width));
    KITH_ASSIGN_OR_RETURN(auto gate_up,
                          map({{prefix + "gate_proj", inner}, {prefix + "up_proj", inner}}, width));
    KITH_ASSIGN_OR_RETURN(auto down, map({{prefix + "down_proj", width}}, inner));
    to_.layers_.push_back({std::move(attention_norm), std::move(mlp_norm), std::move(age_bias),
                           std::move(q), std::move(kv), std::move(o), std::move(gate_up),
                           std::move(down)});
    return {};
  }

  const tensor::SafetensorsFile& file_;
  Perceiver& to_;
  int num_layers_ = 0;
};

Result<std::unique_ptr<const Perceiver>> Perceiver::load(const std::filesystem::path& dir,
                                                         int width, int threads) {
  std::error_code ignored;
  if (!std::filesystem::exists(dir / kConfigFile, ignored)) {
    return std::unique_ptr<const Perceiver>();
  }
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(dir / kConfigFile));
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::SafetensorsFile::open(dir / kWeightsFile));
  std::unique_ptr<Perceiver> perceiver(new Perceiver);
  perceiver->threads_ = threads;
  Reader reader(file, *perceiver);
  const auto read = [&]() -> Status {
    KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
    return reader.read_config(json, width);
  };
  if (auto status = read(); !status) return std::move(status).error().with_context(kConfigFile);
  if (auto status = reader.read_weights(); !status) {
    return std::move(status).error().with_context(kWeightsFile);
  }
  const auto bytes = file.bytes();
  const std::string_view weights(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  perceiver->version_ = base::to_hex(base::hash_bytes(text, base::hash_bytes(weights)));
  return std::unique_ptr<const Perceiver>(std::move(perceiver));
}

}  // namespace kith::timeline
