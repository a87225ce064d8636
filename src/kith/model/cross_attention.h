// The cross-attention of a batch: which rows attend to which memory through which bridge, and the
// part that it adds to a layer. Private to the decoder.
//
// Rows of one bridge are gathered so that its maps run over all of them at once, and among them
// those of one memory, whose keys and values are then read once for all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kith/model/decoder.h"
#include "kith/nn/cross_attention.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/linear.h"

namespace kith::model {

// Not thread-safe: belongs to its decoder's thread.
class CrossAttention {
 public:
  // Finds the rows of `batch` that have a memory, and makes room for a team of `threads`. The
  // memories must outlive the pass.
  void plan(std::span<const Chunk> batch, int threads, tensor::LinearScratch& scratch);

  // Called by the whole team (tensor/team.h). `attended` is what the layer's self-attention is
  // about to add to `residual`: what the memories' bridges say of their sum in layer `layer` is
  // added to it; rows without a memory stay as they are. A failure is left in the scratch.
  //   residual, attended: [rows of the batch, hidden]
  void add(int layer, std::span<const float> residual, std::span<float> attended,
           tensor::LinearScratch& scratch);

 private:
  // Rows of the batch that share a bridge.
  struct Group {
    const MemoryBridge* bridge = nullptr;
    // By memory; chunks count in places of this list.
    std::vector<std::int32_t> rows;
    std::vector<nn::CrossAttentionChunk> chunks;
  };

  void add_memory(std::span<const Chunk> batch, const ProjectedMemory& memory);
  Group& group_of(const MemoryBridge& bridge);
  void reserve(const Group& group, int threads, tensor::LinearScratch& scratch);
  void add(const Group& group, const BridgeLayer& layer, std::span<const float> residual,
           std::span<float> attended, tensor::LinearScratch& scratch);

  std::vector<Group> groups_;
  // Of one group, [padded rows, width].
  tensor::AlignedVector<float> normed_;     // hidden
  tensor::AlignedVector<float> queries_;    // q_size
  tensor::AlignedVector<float> attended_;   // q_size
  tensor::AlignedVector<float> projected_;  // hidden
};

}  // namespace kith::model
