// A LoRA adapter (Hu et al. 2021) read from a PEFT directory: adapter_config.json and
// adapter_model.safetensors. It stays apart from the base weights: y += scale * B (A x).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/config.h"
#include "kith/nn/lora.h"

namespace kith::model {

// The linear maps of a layer that an adapter can change.
enum class Target : std::uint8_t { kQ, kK, kV, kO, kGate, kUp, kDown };
inline constexpr int kNumTargets = 7;

// Immutable; const members may be called from any thread. Share it as shared_ptr<const Adapter>: a
// request keeps the version it began with while a newer one is loaded.
class Adapter {
 public:
  // `storage` is how A and B are held: kF32, kBf16 or kInt8 (see nn::Lora), best as the decoder's
  // weights are.
  // Errors: kNotFound without the two files; kInvalidArgument naming what is wrong: DoRA,
  //   modules_to_save, a bias, pickled weights, a module that the decoder lacks, a wrong shape.
  static Result<std::shared_ptr<const Adapter>> load(const std::filesystem::path& dir,
                                                     const DecoderConfig& config,
                                                     tensor::DType storage = tensor::DType::kF32);

  // Last part of the directory's path.
  const std::string& name() const { return name_; }
  // Hash of the bytes of both files, 16 hexadecimal digits: equal bytes, equal version.
  const std::string& version() const { return version_; }
  // Memory held by the weights.
  std::size_t bytes() const { return bytes_; }
  // Largest rank among the targets.
  int max_rank() const { return max_rank_; }
  // The shape of the decoder it was loaded for.
  const DecoderConfig& config() const { return config_; }

  // Null where the adapter changes nothing. REQUIRES: layer in [0, num_layers).
  const nn::Lora* find_lora(int layer, Target target) const;

 private:
  Adapter() = default;

  std::string name_;
  std::string version_;
  std::size_t bytes_ = 0;
  int max_rank_ = 0;
  DecoderConfig config_;
  // [num_layers][kNumTargets]; rank 0 means absent.
  std::vector<std::array<nn::Lora, kNumTargets>> layers_;
};

}  // namespace kith::model
