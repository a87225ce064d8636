#include "kith/model/soft_prompt_bridge.h"

#include <cmath>
#include <utility>

#include "kith/model/bridge_files.h"
#include "kith/nn/layers.h"
#include "kith/tensor/kernels.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

Status check_shape(const MemoryMatrix& memory, const SoftPromptBridgeConfig& config) {
  if (memory.rows() == config.rows && memory.width() == config.memory_width) return {};
  return Error{ErrorCode::kInvalidArgument, "a memory must have " + std::to_string(config.rows) +
                                                " rows, " + std::to_string(config.memory_width) +
                                                " wide: " + std::to_string(memory.rows()) + ", " +
                                                std::to_string(memory.width())};
}

// Sigmoid linear unit (Elfwing et al. 2018).
void silu(std::span<float> values) {
  for (float& value : values) value /= 1.0F + std::exp(-value);
}

// y = x W^T.
//   x: [rows, in];  weights: [out, in];  returns: [rows, out]
std::vector<float> multiply(std::span<const float> x, std::span<const float> weights,
                            std::size_t rows) {
  const std::size_t in = x.size() / rows;
  const std::size_t out = weights.size() / in;
  std::vector<float> y(rows * out);
  tensor::kernels().f32_plain(x.data(), rows, weights.data(), in, out, y.data());
  return y;
}

}  // namespace

Result<std::shared_ptr<SoftPromptBridge>> SoftPromptBridge::read(
    std::string_view config_text, std::span<const std::byte> weights) {
  std::shared_ptr<SoftPromptBridge> bridge(new SoftPromptBridge);
  KITH_ASSIGN_OR_RETURN(bridge->config_, parse_soft_prompt_bridge_config(config_text));
  const SoftPromptBridgeConfig& config = bridge->config_;
  KITH_ASSIGN_OR_RETURN(const auto header, tensor::parse_safetensors(weights));
  BridgeTensors source(weights, header);
  KITH_ASSIGN_OR_RETURN(bridge->norm_, source.read("norm.weight", {config.memory_width}));
  KITH_ASSIGN_OR_RETURN(
      bridge->up_, source.read("up_proj.weight", {config.intermediate_size, config.memory_width}));
  KITH_ASSIGN_OR_RETURN(bridge->down_, source.read("down_proj.weight",
                                                   {config.hidden_size, config.intermediate_size}));
  KITH_RETURN_IF_ERROR(source.check_all_read());
  bridge->version_ = bridge_version(config_text, weights);
  return bridge;
}

Result<std::shared_ptr<const SoftPromptBridge>> SoftPromptBridge::parse(
    std::string_view config_text, std::span<const std::byte> weights) {
  KITH_ASSIGN_OR_RETURN(auto bridge, read(config_text, weights));
  return std::shared_ptr<const SoftPromptBridge>(std::move(bridge));
}

Result<std::shared_ptr<const SoftPromptBridge>> SoftPromptBridge::load(
    const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const BridgeFiles files, BridgeFiles::open(dir));
  auto bridge = read(files.config_text, files.weights.bytes());
  if (!bridge) return std::move(bridge).error().with_context("loading bridge " + dir.string());
  log_ignored_keys((*bridge)->config_.ignored_keys);
  (*bridge)->name_ = files.name;
  return std::shared_ptr<const SoftPromptBridge>(*std::move(bridge));
}

std::size_t SoftPromptBridge::bytes() const {
  return (norm_.size() + up_.size() + down_.size()) * sizeof(float);
}

Result<std::shared_ptr<const SoftPrompt>> SoftPromptBridge::project(
    const MemoryMatrix& memory) const {
  KITH_RETURN_IF_ERROR(check_shape(memory, config_));
  std::vector<float> normed(memory.values().begin(), memory.values().end());
  const std::size_t width = to_size(config_.memory_width);
  for (std::size_t begin = 0; begin < normed.size(); begin += width) {
    nn::rms_norm_row(std::span(normed).subspan(begin, width), norm_, config_.rms_norm_eps);
  }
  std::vector<float> inner = multiply(normed, up_, to_size(config_.rows));
  silu(inner);
  return SoftPrompt::create(multiply(inner, down_, to_size(config_.rows)), config_.hidden_size);
}

}  // namespace kith::model
