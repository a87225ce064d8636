#include "kith/model/test_bridge.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "kith/base/rng.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

constexpr std::int64_t kHidden = 32;
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kHeadDim = 6;

std::vector<float> random_values(base::Rng& rng, std::int64_t count, double size, double mean) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(mean + size * (2.0 * rng.uniform() - 1.0)));
  }
  return values;
}

}  // namespace

std::string tiny_bridge_config_json() {
  return R"({"bridge_type":"gated_cross_attention","version":1,"hidden_size":32,
    "num_hidden_layers":3,"memory_width":10,"num_attention_heads":4,"num_key_value_heads":2,
    "head_dim":6,"rms_norm_eps":1e-5,"layers":[0,2]})";
}

NamedTensors tiny_bridge(std::uint64_t seed) {
  base::Rng rng(seed);
  NamedTensors tensors;
  for (const int layer : {0, 2}) {
    const std::string prefix = "layers." + std::to_string(layer) + ".cross_attn";
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double size,
                         double mean = 0.0) {
      std::int64_t count = 1;
      for (const std::int64_t dim : shape) count *= dim;
      tensors[prefix + name] = {std::move(shape), random_values(rng, count, size, mean)};
    };
    add("_norm.weight", {kHidden}, 0.3, 1.0);
    add(".q_proj.weight", {kHeads * kHeadDim, kHidden}, 0.35);
    add(".k_proj.weight", {kKvHeads * kHeadDim, kTinyMemoryWidth}, 0.5);
    add(".v_proj.weight", {kKvHeads * kHeadDim, kTinyMemoryWidth}, 0.5);
    add(".o_proj.weight", {kHidden, kHeads * kHeadDim}, 0.5);
    add("_gate", {1}, 0.2, layer == 0 ? 0.8 : -0.6);
  }
  return tensors;
}

NamedTensors tiny_bridge(std::uint64_t seed, float gate) {
  NamedTensors tensors = tiny_bridge(seed);
  for (auto& [name, tensor] : tensors) {
    if (name.ends_with("_gate")) tensor.values = {gate};
  }
  return tensors;
}

std::string to_safetensors(const NamedTensors& tensors) {
  std::vector<tensor::TensorToSave> to_save;
  for (const auto& [name, tensor] : tensors) {
    to_save.push_back(
        {name, tensor::DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  }
  auto bytes = tensor::serialize_safetensors(to_save);
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? *std::move(bytes) : std::string();
}

std::shared_ptr<const MemoryBridge> make_bridge(const NamedTensors& tensors,
                                                const DecoderConfig& decoder,
                                                tensor::DType weights) {
  const std::string bytes = to_safetensors(tensors);
  auto bridge = MemoryBridge::parse(tiny_bridge_config_json(), std::as_bytes(std::span(bytes)),
                                    decoder, {.weights = weights});
  EXPECT_TRUE(bridge) << bridge.error().message;
  return bridge ? *std::move(bridge) : nullptr;
}

void write_tiny_bridge(const std::filesystem::path& dir, const NamedTensors& tensors,
                       std::string_view config) {
  std::filesystem::create_directories(dir);
  write_text(dir / "bridge_config.json", config);
  write_tensors(dir / "bridge_model.safetensors", tensors);
}

std::shared_ptr<const MemoryMatrix> random_memory(std::uint64_t seed, int rows, int width) {
  base::Rng rng(seed);
  auto memory =
      MemoryMatrix::create(random_values(rng, std::int64_t{rows} * width, 1.5, 0.0), width);
  EXPECT_TRUE(memory) << memory.error().message;
  return memory ? *std::move(memory) : nullptr;
}

}  // namespace kith::model
