// The cross-attention of a batch: which rows attend to which memory through which bridge, and the
// part that it adds to a layer. Private to the decoder.
//
// Rows of one bridge are gathered so that its maps run over all of them at once, and among them
// those of one memory, whose keys and values are then read once for all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"
#include "kith/nn/cross_attention.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/linear.h"

namespace kith::model {

// Not thread-safe: belongs to its decoder's thread.
class CrossAttention {
 public:
  // Finds the rows of `batch` that have a memory. The memories must outlive the pass.
  void plan(std::span<const Chunk> batch);

  // Adds to the rows of `residual` [rows of the batch, hidden] what layer `layer` of their
  // memories' bridges says; rows without stay as they are. Errors: kInternal if a product fails.
  Status add(int layer, std::span<float> residual, tensor::LinearScratch& scratch);

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
  Status add(const Group& group, const BridgeLayer& layer, std::span<float> residual,
             tensor::LinearScratch& scratch);

  std::vector<Group> groups_;
  // Of one group, [padded rows, width].
  tensor::AlignedVector<float> normed_;     // hidden
  tensor::AlignedVector<float> queries_;    // q_size
  tensor::AlignedVector<float> attended_;   // q_size
  tensor::AlignedVector<float> projected_;  // hidden
};

}  // namespace kith::model
