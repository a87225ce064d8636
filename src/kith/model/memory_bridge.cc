#include "kith/model/memory_bridge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "kith/model/bridge_files.h"
#include "kith/model/projected_memory.h"
#include "kith/nn/attention.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using tensor::DType;

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

tensor::LinearPart part_of(const std::vector<float>& weights, int out) {
  return {.weights = std::as_bytes(std::span(weights)), .dtype = DType::kF32, .out = out};
}

// No value if the gate is zero.
Result<std::optional<BridgeLayer>> read_layer(int layer, const BridgeConfig& config,
                                              const tensor::LinearOptions& options,
                                              BridgeTensors& source) {
  const std::string prefix = "layers." + std::to_string(layer) + ".cross_attn";
  KITH_ASSIGN_OR_RETURN(const auto gate, source.read(prefix + "_gate", {1}));
  KITH_ASSIGN_OR_RETURN(auto norm, source.read(prefix + "_norm.weight", {config.hidden_size}));
  KITH_ASSIGN_OR_RETURN(
      const auto q, source.read(prefix + ".q_proj.weight", {config.q_size(), config.hidden_size}));
  KITH_ASSIGN_OR_RETURN(const auto k, source.read(prefix + ".k_proj.weight",
                                                  {config.kv_size(), config.memory_width}));
  KITH_ASSIGN_OR_RETURN(const auto v, source.read(prefix + ".v_proj.weight",
                                                  {config.kv_size(), config.memory_width}));
  KITH_ASSIGN_OR_RETURN(
      auto o, source.read(prefix + ".o_proj.weight", {config.hidden_size, config.q_size()}));
  // The gate is a part of the last map, so that a token's step does not have to know it.
  const float open = std::tanh(gate.front());
  if (open == 0.0F) return std::optional<BridgeLayer>();
  for (float& weight : o) weight *= open;

  const std::array<tensor::LinearPart, 1> q_part{part_of(q, config.q_size())};
  const std::array<tensor::LinearPart, 2> kv_parts{part_of(k, config.kv_size()),
                                                   part_of(v, config.kv_size())};
  const std::array<tensor::LinearPart, 1> o_part{part_of(o, config.hidden_size)};
  KITH_ASSIGN_OR_RETURN(auto q_map, tensor::Linear::create(config.hidden_size, q_part, options));
  KITH_ASSIGN_OR_RETURN(auto kv_map,
                        tensor::Linear::create(config.memory_width, kv_parts, options));
  KITH_ASSIGN_OR_RETURN(auto o_map, tensor::Linear::create(config.q_size(), o_part, options));
  return std::optional<BridgeLayer>(BridgeLayer{.layer = layer,
                                                .slot = 0,
                                                .norm = std::move(norm),
                                                .q = std::move(q_map),
                                                .kv = std::move(kv_map),
                                                .o = std::move(o_map)});
}

}  // namespace

std::size_t BridgeLayer::bytes() const {
  return norm.size() * sizeof(float) + q.bytes() + kv.bytes() + o.bytes();
}

Result<std::shared_ptr<MemoryBridge>> MemoryBridge::read(std::string_view config_text,
                                                         std::span<const std::byte> weights,
                                                         const DecoderConfig& decoder,
                                                         const tensor::LinearOptions& options) {
  KITH_ASSIGN_OR_RETURN(BridgeConfig config, parse_bridge_config(config_text));
  std::shared_ptr<MemoryBridge> bridge(new MemoryBridge);
  bridge->config_ = std::move(config);
  if (!bridge->fits(decoder)) {
    return invalid("the bridge was made for a decoder of another shape: hidden_size " +
                   std::to_string(bridge->config_.hidden_size) + " and num_hidden_layers " +
                   std::to_string(bridge->config_.num_layers) + ", not " +
                   std::to_string(decoder.hidden_size) + " and " +
                   std::to_string(decoder.num_layers));
  }
  KITH_ASSIGN_OR_RETURN(const auto header, tensor::parse_safetensors(weights));
  BridgeTensors source(weights, header);
  for (const int layer : bridge->config_.layers) {
    KITH_ASSIGN_OR_RETURN(auto opened, read_layer(layer, bridge->config_, options, source));
    if (!opened) continue;
    opened->slot = static_cast<int>(bridge->layers_.size());
    bridge->layers_.push_back(*std::move(opened));
  }
  KITH_RETURN_IF_ERROR(source.check_all_read());
  bridge->version_ = bridge_version(config_text, weights);
  return bridge;
}

Result<std::shared_ptr<const MemoryBridge>> MemoryBridge::parse(
    std::string_view config_text, std::span<const std::byte> weights, const DecoderConfig& decoder,
    const tensor::LinearOptions& options) {
  KITH_ASSIGN_OR_RETURN(auto bridge, read(config_text, weights, decoder, options));
  return std::shared_ptr<const MemoryBridge>(std::move(bridge));
}

Result<std::shared_ptr<const MemoryBridge>> MemoryBridge::load(
    const std::filesystem::path& dir, const DecoderConfig& decoder,
    const tensor::LinearOptions& options) {
  KITH_ASSIGN_OR_RETURN(const BridgeFiles files, BridgeFiles::open(dir));
  auto bridge = read(files.config_text, files.weights.bytes(), decoder, options);
  if (!bridge) return std::move(bridge).error().with_context("loading bridge " + dir.string());
  log_ignored_keys((*bridge)->config_.ignored_keys);
  (*bridge)->name_ = files.name;
  return std::shared_ptr<const MemoryBridge>(*std::move(bridge));
}

std::size_t MemoryBridge::bytes() const {
  return std::accumulate(
      layers_.begin(), layers_.end(), std::size_t{0},
      [](std::size_t sum, const BridgeLayer& layer) { return sum + layer.bytes(); });
}

bool MemoryBridge::fits(const DecoderConfig& decoder) const {
  return config_.hidden_size == decoder.hidden_size && config_.num_layers == decoder.num_layers;
}

const BridgeLayer* MemoryBridge::find_layer(int layer) const {
  const auto it = std::find_if(layers_.begin(), layers_.end(),
                               [layer](const BridgeLayer& l) { return l.layer == layer; });
  return it == layers_.end() ? nullptr : &*it;
}

Result<std::shared_ptr<const ProjectedMemory>> MemoryBridge::project(
    const MemoryMatrix& memory) const {
  if (memory.width() != config_.memory_width) {
    return invalid("a memory must be " + std::to_string(config_.memory_width) +
                   " wide: " + std::to_string(memory.width()));
  }
  if (layers_.empty()) {
    return std::make_shared<const ProjectedMemory>(shared_from_this(), memory.rows(), std::nullopt);
  }
  // In the type that the decoder keeps its own keys and values in.
  const DType dtype = nn::kv_dtype_beside(layers_.front().q.weights());
  std::vector<std::int32_t> blocks(
      to_size((memory.rows() + nn::kBlockTokens - 1) / nn::kBlockTokens));
  std::iota(blocks.begin(), blocks.end(), 0);
  nn::KvCache kv({static_cast<int>(layers_.size()), config_.num_kv_heads, config_.head_dim, dtype},
                 static_cast<int>(blocks.size()));

  const std::size_t padded = to_size(tensor::padded_rows(memory.rows()));
  const std::size_t kv_size = to_size(config_.kv_size());
  tensor::AlignedVector<float> rows(padded * to_size(config_.memory_width));
  tensor::AlignedVector<float> projected(padded * 2 * kv_size);
  std::copy(memory.values().begin(), memory.values().end(), rows.begin());
  tensor::LinearScratch scratch;
  const nn::AttentionChunk chunk{0, memory.rows(), 0, blocks};
  for (const BridgeLayer& layer : layers_) {
    KITH_RETURN_IF_ERROR(layer.kv.forward(rows, memory.rows(), projected, scratch));
    const std::span<const float> all(projected);
    nn::append_kv({&chunk, 1}, 0, to_size(memory.rows()), all, all.subspan(kv_size), 2 * kv_size,
                  layer.slot, kv);
  }
  return std::make_shared<const ProjectedMemory>(shared_from_this(), memory.rows(), std::move(kv));
}

}  // namespace kith::model
