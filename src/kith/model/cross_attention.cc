#include "kith/model/cross_attention.h"

#include <algorithm>

#include "kith/nn/layers.h"

namespace kith::model {
namespace {

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

void grow(tensor::AlignedVector<float>& buffer, std::size_t rows, int width) {
  const std::size_t size = rows * to_size(width);
  if (buffer.size() < size) buffer.resize(size);
}

}  // namespace

void CrossAttention::plan(std::span<const Chunk> batch, int threads,
                          tensor::LinearScratch& scratch) {
  groups_.clear();
  for (auto chunk = batch.begin(); chunk != batch.end(); ++chunk) {
    if (chunk->memory == nullptr || chunk->memory->bridge().layers().empty()) continue;
    const bool is_known = std::any_of(batch.begin(), chunk, [&chunk](const Chunk& earlier) {
      return earlier.memory == chunk->memory;
    });
    if (!is_known) add_memory(batch, *chunk->memory);
  }
  for (const Group& group : groups_) reserve(group, threads, scratch);
}

void CrossAttention::reserve(const Group& group, int threads, tensor::LinearScratch& scratch) {
  const BridgeConfig& config = group.bridge->config();
  const int num_rows = static_cast<int>(group.rows.size());
  const std::size_t padded = to_size(tensor::padded_rows(num_rows));
  grow(normed_, padded, config.hidden_size);
  grow(queries_, padded, config.q_size());
  grow(attended_, padded, config.q_size());
  grow(projected_, padded, config.hidden_size);
  for (const BridgeLayer& layer : group.bridge->layers()) {
    layer.q.reserve(num_rows, threads, scratch);
    layer.o.reserve(num_rows, threads, scratch);
  }
}

// All rows of the batch with this memory.
void CrossAttention::add_memory(std::span<const Chunk> batch, const ProjectedMemory& memory) {
  Group& group = group_of(memory.bridge());
  const int first = static_cast<int>(group.rows.size());
  std::int32_t row = 0;
  for (const Chunk& chunk : batch) {
    const auto end = row + static_cast<std::int32_t>(chunk.tokens.size());
    for (; row < end; ++row) {
      if (chunk.memory == &memory) group.rows.push_back(row);
    }
  }
  const int num_rows = static_cast<int>(group.rows.size()) - first;
  group.chunks.push_back({first, num_rows, &memory.kv(), memory.rows()});
}

CrossAttention::Group& CrossAttention::group_of(const MemoryBridge& bridge) {
  for (Group& group : groups_) {
    if (group.bridge == &bridge) return group;
  }
  groups_.push_back({&bridge, {}, {}});
  return groups_.back();
}

void CrossAttention::add(int layer, std::span<const float> residual, std::span<float> attended,
                         tensor::LinearScratch& scratch) {
  for (const Group& group : groups_) {
    const BridgeLayer* found = group.bridge->find_layer(layer);
    if (found != nullptr) add(group, *found, residual, attended, scratch);
  }
}

void CrossAttention::add(const Group& group, const BridgeLayer& layer,
                         std::span<const float> residual, std::span<float> attended,
                         tensor::LinearScratch& scratch) {
  const BridgeConfig& config = group.bridge->config();
  const int num_rows = static_cast<int>(group.rows.size());
  nn::rms_norm_of_sums(residual, attended, layer.norm, group.rows, config.rms_norm_eps, normed_);
  layer.q.forward_in_team(normed_, num_rows, queries_, scratch);
  nn::cross_attend(group.chunks, {queries_, attended_, config.num_heads}, layer.slot);
  layer.o.forward_in_team(attended_, num_rows, projected_, scratch);
  nn::add_to_rows(projected_, group.rows, to_size(config.hidden_size), attended);
}

}  // namespace kith::model
