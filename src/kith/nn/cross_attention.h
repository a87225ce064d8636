// Cross-attention (Vaswani et al. 2017, section 3.2.3) with grouped key-value heads: the rows of
// many sequences, each over all keys and values of a memory of its own. No mask and no positions.
#pragma once

#include <span>

#include "kith/nn/kv_cache.h"

namespace kith::nn {

// Rows of the longest memory.
inline constexpr int kMaxMemoryRows = 512;

// Adjacent rows of a batch that attend to the same memory.
struct CrossAttentionChunk {
  int first_row = 0;
  int num_rows = 0;
  // Keys and values of the memory, its row i in slot i % 16 of block i / 16.
  const KvCache* memory = nullptr;
  // Rows of the memory, in [1, kMaxMemoryRows].
  int memory_rows = 0;
};

struct CrossAttentionIo {
  // [rows, num_heads * head_dim]
  std::span<const float> queries;
  // The same shape; rows of no chunk are left as they are.
  std::span<float> out;
  // A multiple of the memories' key-value heads.
  int num_heads = 0;
};

// Called by the whole team (tensor/team.h); `out` is complete on return.
// Scaled dot-product attention in layer `layer` of the memories. A row's result depends on its
// query and its memory alone, bit for bit.
void cross_attend(std::span<const CrossAttentionChunk> chunks, const CrossAttentionIo& io,
                  int layer);

}  // namespace kith::nn
