#include "kith/nn/cross_attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

constexpr int kMaxMemoryBlocks = kMaxMemoryRows / kBlockTokens;

std::size_t to_size(std::int32_t value) { return static_cast<std::size_t>(value); }

// A chunk's queries for one key-value head; query i is row i / group of the chunk and head
// i % group of the group.
struct Work {
  const CrossAttentionChunk* chunk;
  int kv_head;
};

struct Scratch {
  std::array<const void*, kMaxMemoryBlocks> keys;
  std::array<const void*, kMaxMemoryBlocks> values;
  tensor::AlignedVector<float> scores;
  tensor::AlignedVector<float> sums;
};

// Where each block of the memory keeps this head's keys and values.
void find_blocks(const Work& work, int num_blocks, int layer, Scratch& scratch) {
  const KvCache& memory = *work.chunk->memory;
  const KvShape& shape = memory.shape();
  const std::size_t head_elements = to_size(work.kv_head) * kBlockTokens;
  const std::size_t element = tensor::dtype_size(shape.dtype);
  for (int block = 0; block < num_blocks; ++block) {
    scratch.keys[to_size(block)] =
        memory.keys(layer, block) + head_elements * to_size(shape.head_dim) * element;
    scratch.values[to_size(block)] =
        memory.values(layer, block) + head_elements * to_size(shape.value_stride()) * element;
  }
}

void run(const Work& work, const CrossAttentionIo& io, int layer, Scratch& scratch) {
  const CrossAttentionChunk& chunk = *work.chunk;
  const KvShape& shape = chunk.memory->shape();
  const int num_blocks = (chunk.memory_rows + kBlockTokens - 1) / kBlockTokens;
  find_blocks(work, num_blocks, layer, scratch);
  const int most = query_tile(kernels(), shape.dtype);
  scratch.scores.resize(to_size(most) * to_size(num_blocks) * kBlockTokens);
  scratch.sums.resize(to_size(most) * to_size(shape.value_stride()));

  AttentionTile tile{};
  tile.head_dim = shape.head_dim;
  tile.value_stride = shape.value_stride();
  tile.scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  tile.keys = scratch.keys.data();
  tile.values = scratch.values.data();
  tile.scores = scratch.scores.data();
  tile.sums = scratch.sums.data();
  std::fill_n(tile.lengths, kMaxQueryTile, chunk.memory_rows);
  const int group = io.num_heads / shape.num_kv_heads;
  const int num_queries = chunk.num_rows * group;
  const auto attention = attention_kernel(kernels(), shape.dtype);
  for (int first = 0; first < num_queries; first += most) {
    tile.num_queries = std::min(most, num_queries - first);
    for (int q = 0; q < tile.num_queries; ++q) {
      const int row = chunk.first_row + (first + q) / group;
      const int head = work.kv_head * group + (first + q) % group;
      const std::size_t at =
          (to_size(row) * to_size(io.num_heads) + to_size(head)) * to_size(shape.head_dim);
      tile.queries[q] = io.queries.data() + at;
      tile.results[q] = io.out.data() + at;
    }
    attention(tile);
  }
}

}  // namespace

void cross_attend(std::span<const CrossAttentionChunk> chunks, const CrossAttentionIo& io,
                  int layer) {
  thread_local Scratch scratch;
  const int rank = tensor::team_rank();
  const int size = tensor::team_size();
  int turn = 0;
  for (const CrossAttentionChunk& chunk : chunks) {
    const KvShape& shape = chunk.memory->shape();
    KITH_CHECK(chunk.memory_rows >= 1 && chunk.memory_rows <= kMaxMemoryRows &&
                   chunk.memory_rows <= chunk.memory->num_blocks() * kBlockTokens,
               "rows of a memory");
    KITH_CHECK(io.num_heads % shape.num_kv_heads == 0,
               "heads must be a multiple of the key-value heads");
    for (int head = 0; head < shape.num_kv_heads; ++head) {
      if (turn++ % size == rank) run({&chunk, head}, io, layer, scratch);
    }
  }
  tensor::team_wait();
}

}  // namespace kith::nn
