// Attention with grouped key-value heads (Ainslie et al. 2023) over a paged cache. Called by the
// whole team (tensor/team.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kith/nn/kv_cache.h"

namespace kith::nn {

// The new rows of one sequence in a batch.
struct AttentionChunk {
  // Position of the first row; tokens before it are in the cache already.
  std::int32_t position = 0;
  int num_rows = 0;
  // Index of the first row in the batch.
  int first_row = 0;
  // The sequence's cache blocks, covering position + num_rows tokens.
  std::span<const std::int32_t> blocks;
  // Which of the sequence's blocks the first of these is. Above 0 only where a window leaves the
  // tokens before out of every row's sight.
  std::int32_t first_block = 0;
};

// Writes keys and values of the rows [first, last) of the batch into the cache. The chunks follow
// each other in the batch. Members of a team may write different rows at the same time.
//   keys, values: rows of num_kv_heads * head_dim floats, `stride` apart, for the whole batch
void append_kv(std::span<const AttentionChunk> chunks, std::size_t first, std::size_t last,
               std::span<const float> keys, std::span<const float> values, std::size_t stride,
               int layer, KvCache& cache);

// Calls `each` with the chunks and key-value heads that are the calling member's in attend(). Where
// every chunk has one row, what a member writes for its heads, only it reads there.
void for_own_heads(std::span<const AttentionChunk> chunks, int num_kv_heads,
                   const std::function<void(const AttentionChunk& chunk, int kv_head)>& each);

// Writes one head's key and value of the chunk's first row into the cache.
//   key, value: [head_dim]
void append_kv_head(const AttentionChunk& chunk, int kv_head, std::span<const float> key,
                    std::span<const float> value, int layer, KvCache& cache);

struct AttentionIo {
  // Rows of num_heads * head_dim floats, query_stride apart, for the whole batch.
  std::span<const float> queries;
  std::size_t query_stride = 0;
  // [batch rows, num_heads * head_dim]
  std::span<float> out;
  int num_heads = 0;
  // Tokens that a row attends to at most, itself included (sliding-window attention, Beltagy et al.
  // 2020); 0: all before it. Causal attention only.
  int window = 0;
  // Whether a row sees its own token and those before it, or every token of its sequence
  // (encoders).
  bool is_causal = true;
};

// Scaled dot-product attention of every chunk's rows over the cache, whose entries for these rows
// must have been appended; `out` is complete for the whole team on return. Two passes over the
// scores of a row: no row depends on another, bit for bit.
void attend(std::span<const AttentionChunk> chunks, const AttentionIo& io, int layer,
            const KvCache& cache);

}  // namespace kith::nn
