// A bridge that turns a user's memory into rows of a prompt: each row m of the memory becomes one
// embedding row (the soft prompt of User-LLM, Ning et al. 2024; also E2P, arXiv 2505.17051),
//   row = down * silu(up * norm(m)),   norm: RMS norm,
// read from a directory beside the base model (docs/formats/memory-bridge.md).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/bridge_config.h"
#include "kith/model/memory_matrix.h"
#include "kith/model/soft_prompt.h"

namespace kith::model {

// Immutable; const members may be called from any thread. Share it as
// shared_ptr<const SoftPromptBridge>: a request keeps the version it began with.
class SoftPromptBridge final {
 public:
  // Needs no decoder: the rows may go to another program's. Whoever has one compares
  // config().hidden_size with it.
  // Errors: kNotFound without the two files; those of parse(); kInvalidArgument for pickled
  //   weights.
  static Result<std::shared_ptr<const SoftPromptBridge>> load(const std::filesystem::path& dir);

  // The same from the bytes of bridge_config.json and bridge_model.safetensors, which need not
  // outlive the call.
  // Errors: kInvalidArgument naming what is wrong: those of parse_soft_prompt_bridge_config() and
  //   parse_safetensors(), a tensor that is missing, unknown, of a wrong shape or type, or holds a
  //   value that is not finite.
  static Result<std::shared_ptr<const SoftPromptBridge>> parse(std::string_view config_text,
                                                               std::span<const std::byte> weights);

  const SoftPromptBridgeConfig& config() const { return config_; }
  // Last part of the directory's path; empty after parse().
  const std::string& name() const { return name_; }
  // Hash of the bytes of both files, 16 hexadecimal digits.
  const std::string& version() const { return version_; }
  // Memory held by the weights, which are f32 whatever the decoder's are.
  std::size_t bytes() const;

  // Computes on the calling thread alone, a few million products (16 rows: 64 -> 576 -> 576); no
  // library's threads are woken, so any thread may.
  //   returns: [config().rows, config().hidden_size]
  // Errors: kInvalidArgument for a memory of another shape, and where a row would not be finite.
  Result<std::shared_ptr<const SoftPrompt>> project(const MemoryMatrix& memory) const;

 private:
  SoftPromptBridge() = default;
  static Result<std::shared_ptr<SoftPromptBridge>> read(std::string_view config_text,
                                                        std::span<const std::byte> weights);

  SoftPromptBridgeConfig config_;
  std::string name_;
  std::string version_;
  std::vector<float> norm_;  // [memory_width]
  std::vector<float> up_;    // [intermediate_size, memory_width]
  std::vector<float> down_;  // [hidden_size, intermediate_size]
};

}  // namespace kith::model
