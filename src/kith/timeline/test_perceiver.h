// The files of a Perceiver with random weights, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/tensor/safetensors.h"

namespace kith::timeline {

struct TestPerceiver {
  int width = 32;
  int window = 21;
  int num_latents = 4;
  int num_layers = 2;
  int num_heads = 2;
  int intermediate_size = 24;
  int num_buckets = 5;  // of ages below the window
  // In the place of a tensor's shape, for files that do not fit.
  std::map<std::string, std::vector<std::int64_t>> other_shapes;

  void write(const std::filesystem::path& dir, std::uint64_t seed) const {
    const base::Json config{{"perceiver_type", "cross_attention"},
                            {"version", 1},
                            {"width", width},
                            {"window", window},
                            {"num_latents", num_latents},
                            {"num_layers", num_layers},
                            {"num_attention_heads", num_heads},
                            {"intermediate_size", intermediate_size}};
    ASSERT_TRUE(
        base::write_file_atomically(dir / "perceiver_config.json", base::dump_json(config)));
    write_weights(dir / "perceiver.safetensors", seed);
  }

 private:
  std::map<std::string, std::vector<std::int64_t>> shapes() const {
    std::map<std::string, std::vector<std::int64_t>> shapes{{"latents", {num_latents, width}},
                                                            {"vector_proj.weight", {width, width}},
                                                            {"norm.weight", {width}},
                                                            {"sharpness", {1}}};
    for (int layer = 0; layer < num_layers; ++layer) {
      const std::string prefix = "layers." + std::to_string(layer) + ".";
      for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
        shapes[prefix + name + ".weight"] = {width, width};
      }
      shapes[prefix + "gate_proj.weight"] = {intermediate_size, width};
      shapes[prefix + "up_proj.weight"] = {intermediate_size, width};
      shapes[prefix + "down_proj.weight"] = {width, intermediate_size};
      shapes[prefix + "attn_norm.weight"] = {width};
      shapes[prefix + "mlp_norm.weight"] = {width};
      shapes[prefix + "age_bias"] = {num_heads * num_buckets};
    }
    for (const auto& [name, shape] : other_shapes) shapes[name] = shape;
    return shapes;
  }

  void write_weights(const std::filesystem::path& file, std::uint64_t seed) const {
    base::Rng rng(seed);
    const auto all = shapes();
    std::vector<std::vector<float>> values;
    std::vector<tensor::TensorToSave> tensors;
    for (const auto& [name, shape] : all) {
      std::int64_t size = 1;
      for (const std::int64_t extent : shape) size *= extent;
      values.emplace_back(static_cast<std::size_t>(size));
      for (float& value : values.back()) value = static_cast<float>(rng.uniform() - 0.5);
    }
    std::size_t at = 0;
    for (const auto& [name, shape] : all) {
      tensors.push_back({name, tensor::DType::kF32, shape, std::as_bytes(std::span(values[at++]))});
    }
    ASSERT_TRUE(tensor::save_safetensors(file, tensors));
  }
};

}  // namespace kith::timeline
