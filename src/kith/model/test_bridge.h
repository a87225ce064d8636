// Small random memory bridges and memories for tests, made for the models of test_model.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "kith/model/memory_bridge.h"
#include "kith/model/memory_matrix.h"
#include "kith/model/test_model.h"

namespace kith::model {

inline constexpr int kTinyMemoryWidth = 10;

// bridge_config.json: layers 0 and 2, 4 heads of 6 on 2 key-value heads.
std::string tiny_bridge_config_json();
// Random weights for it, with gates that are open.
NamedTensors tiny_bridge(std::uint64_t seed);
// The same with every gate at `gate`.
NamedTensors tiny_bridge(std::uint64_t seed, float gate);

// The bytes of a safetensors file, f32.
std::string to_safetensors(const NamedTensors& tensors);
// Fails the test and returns null on an error.
std::shared_ptr<const MemoryBridge> make_bridge(const NamedTensors& tensors,
                                                const DecoderConfig& decoder,
                                                tensor::DType weights = tensor::DType::kF32);
void write_tiny_bridge(const std::filesystem::path& dir, const NamedTensors& tensors,
                       std::string_view config = tiny_bridge_config_json());

std::shared_ptr<const MemoryMatrix> random_memory(std::uint64_t seed, int rows,
                                                  int width = kTinyMemoryWidth);

}  // namespace kith::model
