#include "kith/nn/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/kernels.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

std::size_t to_size(std::int32_t value) { return static_cast<std::size_t>(value); }

// Where a token's key and value of one head go.
struct Slot {
  std::size_t head;
  // Within the block.
  std::size_t token;
  std::byte* key_block;
  std::byte* value_block;
};

// Writes a key and a value [head_dim], already of the cache's element type.
template <typename T>
void write_head(const T* key, const T* value, const Slot& slot, const KvShape& shape) {
  auto* keys = reinterpret_cast<T*>(slot.key_block);
  auto* values = reinterpret_cast<T*>(slot.value_block);
  const std::size_t head_dim = to_size(shape.head_dim);
  const std::size_t value_stride = to_size(shape.value_stride());
  for (std::size_t d = 0; d < head_dim; ++d) {
    keys[(slot.head * head_dim + d) * kBlockTokens + slot.token] = key[d];
  }
  std::memcpy(values + (slot.head * kBlockTokens + slot.token) * value_stride, value,
              head_dim * sizeof(T));
}

// The same for bf16, whose elements lie in pairs. The other token of a pair of values may be
// written at the same time.
void write_head_bf16(const std::uint16_t* key, const std::uint16_t* value, const Slot& slot,
                     const KvShape& shape) {
  const std::size_t head_dim = to_size(shape.head_dim);
  const std::size_t value_stride = to_size(shape.value_stride());
  auto* keys = reinterpret_cast<std::uint16_t*>(slot.key_block) +
               slot.head * head_dim * kBlockTokens + slot.token * 2;
  for (std::size_t d = 0; d < head_dim; d += 2) {
    std::memcpy(keys + d * kBlockTokens, key + d, 2 * sizeof(std::uint16_t));
  }
  auto* values = reinterpret_cast<std::uint16_t*>(slot.value_block) +
                 (slot.head * kBlockTokens + slot.token / 2 * 2) * value_stride + slot.token % 2;
  for (std::size_t d = 0; d < head_dim; ++d) values[2 * d] = value[d];
}

// The same from f32, by way of `halves`.
void append_head(const float* key, const float* value, const Slot& slot, const KvShape& shape,
                 std::vector<std::uint16_t>& halves) {
  if (shape.dtype == tensor::DType::kF32) return write_head(key, value, slot, shape);
  const std::size_t head_dim = to_size(shape.head_dim);
  halves.resize(2 * head_dim);
  if (shape.dtype == tensor::DType::kBf16) {
    tensor::kernels().to_bf16(key, head_dim, halves.data());
    tensor::kernels().to_bf16(value, head_dim, halves.data() + head_dim);
    return write_head_bf16(halves.data(), halves.data() + head_dim, slot, shape);
  }
  kernels().to_f16(key, head_dim, halves.data());
  kernels().to_f16(value, head_dim, halves.data() + head_dim);
  write_head(halves.data(), halves.data() + head_dim, slot, shape);
}

Slot slot_of(const AttentionChunk& chunk, std::size_t position, int layer, KvCache& cache) {
  const std::int32_t block = chunk.blocks[position / kBlockTokens - to_size(chunk.first_block)];
  return {0, position % kBlockTokens, cache.keys(layer, block), cache.values(layer, block)};
}

// A chunk's queries for one key-value head, to be cut into tiles.
struct Work {
  const AttentionChunk* chunk;
  int kv_head;
  // First query; query i is row i / group of the chunk and head i % group of the group.
  int first;
  int num;
};

// Tiles of all chunks, several to a piece of work so that block tables are made seldom. Calls
// `each` with the calling member's pieces: in turn, because later pieces of a prompt take longer.
template <typename Each>
void for_own_work(std::span<const AttentionChunk> chunks, int kv_heads, int group,
                  const Each& each) {
  constexpr int kQueriesPerWork = 4 * kMaxQueryTile;
  // A head of a single row is one piece, as for_own_heads() says.
  const int rank = tensor::team_rank();
  const int size = tensor::team_size();
  int turn = 0;
  for (const AttentionChunk& chunk : chunks) {
    const int queries = chunk.num_rows * group;
    const int most = chunk.num_rows == 1 ? queries : kQueriesPerWork;
    for (int head = 0; head < kv_heads; ++head) {
      for (int first = 0; first < queries; first += most) {
        if (turn++ % size != rank) continue;
        each(Work{&chunk, head, first, std::min(most, queries - first)});
      }
    }
  }
}

struct Scratch {
  std::vector<const void*> keys;
  std::vector<const void*> values;
  tensor::AlignedVector<float> scores;
  tensor::AlignedVector<float> sums;
};

// Where each block of the sequence from `first` up to `end` keeps this head's keys and values.
void find_blocks(const Work& work, int first, int end, int layer, const KvCache& cache,
                 Scratch& scratch) {
  const KvShape& shape = cache.shape();
  const std::size_t element = tensor::dtype_size(shape.dtype);
  const std::size_t key_offset =
      to_size(work.kv_head) * to_size(shape.head_dim) * kBlockTokens * element;
  const std::size_t value_offset =
      to_size(work.kv_head) * to_size(shape.value_stride()) * kBlockTokens * element;
  scratch.keys.resize(to_size(end - first));
  scratch.values.resize(to_size(end - first));
  for (std::size_t i = 0; i < to_size(end - first); ++i) {
    const std::int32_t block = work.chunk->blocks[i + to_size(first - work.chunk->first_block)];
    scratch.keys[i] = cache.keys(layer, block) + key_offset;
    scratch.values[i] = cache.values(layer, block) + value_offset;
  }
}

void run(const Work& work, const AttentionIo& io, int layer, const KvCache& cache,
         Scratch& scratch) {
  const KvShape& shape = cache.shape();
  const AttentionChunk& chunk = *work.chunk;
  const int group = io.num_heads / shape.num_kv_heads;
  const int last_row = io.is_causal ? (work.first + work.num - 1) / group : chunk.num_rows - 1;
  const int end = (chunk.position + last_row) / kBlockTokens + 1;
  // What lies before every window costs nothing, however long the sequence.
  const int first_row = work.first / group;
  const int begin =
      io.window > 0 ? std::max(0, chunk.position + first_row + 1 - io.window) / kBlockTokens : 0;
  const int num_blocks = end - begin;
  const int hidden = begin * kBlockTokens;
  find_blocks(work, begin, end, layer, cache, scratch);
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
  const auto attention = attention_kernel(kernels(), shape.dtype);
  const std::size_t out_stride = to_size(io.num_heads) * to_size(shape.head_dim);
  for (int first = work.first; first < work.first + work.num; first += most) {
    tile.num_queries = std::min(most, work.first + work.num - first);
    for (int q = 0; q < tile.num_queries; ++q) {
      const int row = (first + q) / group;
      const int head = work.kv_head * group + (first + q) % group;
      const std::size_t batch_row = to_size(chunk.first_row + row);
      const std::size_t column = to_size(head) * to_size(shape.head_dim);
      tile.queries[q] = io.queries.data() + batch_row * io.query_stride + column;
      tile.results[q] = io.out.data() + batch_row * out_stride + column;
      tile.lengths[q] = chunk.position + (io.is_causal ? row + 1 : chunk.num_rows) - hidden;
      tile.begins[q] = io.window > 0 ? std::max(0, tile.lengths[q] - io.window) : 0;
    }
    tile.is_cold = first == work.first;
    attention(tile);
  }
}

}  // namespace

void append_kv(std::span<const AttentionChunk> chunks, std::size_t first, std::size_t last,
               std::span<const float> keys, std::span<const float> values, std::size_t stride,
               int layer, KvCache& cache) {
  const KvShape& shape = cache.shape();
  const std::size_t head_dim = to_size(shape.head_dim);
  std::vector<std::uint16_t> halves;
  for (const AttentionChunk& chunk : chunks) {
    const std::size_t begin = std::max(first, to_size(chunk.first_row));
    const std::size_t end = std::min(last, to_size(chunk.first_row + chunk.num_rows));
    for (std::size_t row = begin; row < end; ++row) {
      Slot slot =
          slot_of(chunk, to_size(chunk.position) + row - to_size(chunk.first_row), layer, cache);
      for (slot.head = 0; slot.head < to_size(shape.num_kv_heads); ++slot.head) {
        const std::size_t at = row * stride + slot.head * head_dim;
        append_head(keys.data() + at, values.data() + at, slot, shape, halves);
      }
    }
  }
}

void for_own_heads(std::span<const AttentionChunk> chunks, int num_kv_heads,
                   const std::function<void(const AttentionChunk& chunk, int kv_head)>& each) {
  for_own_work(chunks, num_kv_heads, 1,
               [&each](const Work& work) { each(*work.chunk, work.kv_head); });
}

void append_kv_head(const AttentionChunk& chunk, int kv_head, std::span<const float> key,
                    std::span<const float> value, int layer, KvCache& cache) {
  thread_local std::vector<std::uint16_t> halves;
  Slot slot = slot_of(chunk, to_size(chunk.position), layer, cache);
  slot.head = to_size(kv_head);
  append_head(key.data(), value.data(), slot, cache.shape(), halves);
}

void attend(std::span<const AttentionChunk> chunks, const AttentionIo& io, int layer,
            const KvCache& cache) {
  const int kv_heads = cache.shape().num_kv_heads;
  KITH_CHECK(io.num_heads % kv_heads == 0, "heads must be a multiple of the key-value heads");
  KITH_CHECK(io.is_causal || io.window == 0, "a window needs causal attention");
  thread_local Scratch scratch;
  for_own_work(chunks, kv_heads, io.num_heads / kv_heads,
               [&](const Work& work) { run(work, io, layer, cache, scratch); });
  tensor::team_wait();
}

}  // namespace kith::nn
