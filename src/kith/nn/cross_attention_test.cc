#include "kith/nn/cross_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kith/base/rng.h"
#include "kith/nn/attention.h"

namespace kith::nn {
namespace {

using tensor::DType;

std::vector<float> random_values(std::uint64_t seed, std::size_t count) {
  base::Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(2.0 * rng.uniform() - 1.0);
  return values;
}

struct Heads {
  int heads;
  int kv_heads;
  int head_dim;

  std::size_t q_size() const { return static_cast<std::size_t>(heads * head_dim); }
  std::size_t kv_size() const { return static_cast<std::size_t>(kv_heads * head_dim); }
};

// Rows of keys and values, [rows, 2 kv_size], in two layers of which the first holds no numbers.
struct Memory {
  Memory(std::uint64_t seed, const Heads& heads, int num_rows, DType dtype)
      : rows(num_rows),
        values(random_values(seed, static_cast<std::size_t>(num_rows) * 2 * heads.kv_size())),
        cache({2, heads.kv_heads, heads.head_dim, dtype}, (num_rows + 15) / 16) {
    std::vector<std::int32_t> blocks(static_cast<std::size_t>(cache.num_blocks()));
    std::iota(blocks.begin(), blocks.end(), 0);
    const AttentionChunk chunk{0, rows, 0, blocks};
    const auto fill = [&](const std::vector<float>& from, int layer) {
      const std::span<const float> all(from);
      append_kv({&chunk, 1}, 0, static_cast<std::size_t>(rows), all, all.subspan(heads.kv_size()),
                2 * heads.kv_size(), layer, cache);
    };
    fill(std::vector<float>(values.size(), std::numeric_limits<float>::quiet_NaN()), 0);
    fill(values, 1);
  }

  int rows;
  std::vector<float> values;
  KvCache cache;
};

// softmax(q K / sqrt(d)) V for one head, in double.
std::vector<double> reference(const Heads& heads, std::span<const float> query,
                              const Memory& memory, std::size_t head) {
  const auto dim = static_cast<std::size_t>(heads.head_dim);
  const std::size_t at = head / static_cast<std::size_t>(heads.heads / heads.kv_heads) * dim;
  std::vector<double> out(dim);
  double total = 0.0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(memory.rows); ++row) {
    const float* key = memory.values.data() + row * 2 * heads.kv_size() + at;
    const float* value = key + heads.kv_size();
    double score = 0.0;
    for (std::size_t d = 0; d < dim; ++d)
      score += static_cast<double>(query[head * dim + d] * key[d]);
    const double weight = std::exp(score / std::sqrt(static_cast<double>(dim)));
    total += weight;
    for (std::size_t d = 0; d < dim; ++d) out[d] += weight * static_cast<double>(value[d]);
  }
  for (double& value : out) value /= total;
  return out;
}

constexpr Heads kShapes[] = {{4, 2, 8}, {3, 3, 64}, {8, 1, 16}, {6, 2, 80}, {2, 1, 2}};

TEST(CrossAttentionTest, IsTheSoftmaxOverTheWholeMemory) {
  for (const Heads& heads : kShapes) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
      for (const int rows : {1, 15, 16, 17, 512}) {
        const Memory memory(1, heads, rows, dtype);
        const auto queries = random_values(2, 5 * heads.q_size());
        std::vector<float> out(queries.size());
        const CrossAttentionChunk chunk{0, 5, &memory.cache, rows};
        cross_attend({&chunk, 1}, {queries, out, heads.heads}, 1);
        for (std::size_t row = 0; row < 5; ++row) {
          const auto query = std::span(queries).subspan(row * heads.q_size(), heads.q_size());
          for (std::size_t head = 0; head < static_cast<std::size_t>(heads.heads); ++head) {
            const auto expected = reference(heads, query, memory, head);
            for (std::size_t d = 0; d < expected.size(); ++d) {
              ASSERT_NEAR(out[row * heads.q_size() + head * expected.size() + d], expected[d],
                          dtype == DType::kF32   ? 2e-6
                          : dtype == DType::kF16 ? 2e-3
                                                 : 1e-2);
            }
          }
        }
      }
    }
  }
}

// Memories of different lengths side by side, some with several rows: large enough for threads.
TEST(CrossAttentionTest, ARowGetsInABatchWhatItGetsAlone) {
  constexpr Heads kHeads{9, 3, 64};
  const int lengths[] = {1, 300, 16, 33, 512};
  const int counts[] = {3, 1, 7, 2, 40};
  std::vector<Memory> memories;
  std::vector<CrossAttentionChunk> chunks;
  int num_rows = 0;
  for (std::size_t i = 0; i < 5; ++i)
    memories.emplace_back(10 + i, kHeads, lengths[i], DType::kF16);
  for (std::size_t i = 0; i < 5; ++i) {
    chunks.push_back({num_rows, counts[i], &memories[i].cache, lengths[i]});
    num_rows += counts[i];
  }
  const auto queries = random_values(3, static_cast<std::size_t>(num_rows) * kHeads.q_size());
  std::vector<float> together(queries.size());
  cross_attend(chunks, {queries, together, kHeads.heads}, 1);
  std::vector<float> alone(queries.size());
  for (const CrossAttentionChunk& chunk : chunks) {
    for (int row = 0; row < chunk.num_rows; ++row) {
      const CrossAttentionChunk one{chunk.first_row + row, 1, chunk.memory, chunk.memory_rows};
      cross_attend({&one, 1}, {queries, alone, kHeads.heads}, 1);
    }
  }
  EXPECT_EQ(together, alone);
}

TEST(CrossAttentionTest, LeavesRowsOfNoChunkAlone) {
  constexpr Heads kHeads{4, 2, 8};
  const Memory memory(1, kHeads, 3, DType::kF32);
  const auto queries = random_values(2, 3 * kHeads.q_size());
  std::vector<float> out(queries.size(), 7.0F);
  const CrossAttentionChunk chunk{1, 1, &memory.cache, 3};
  cross_attend({&chunk, 1}, {queries, out, kHeads.heads}, 1);
  for (std::size_t i = 0; i < kHeads.q_size(); ++i) {
    EXPECT_EQ(out[i], 7.0F);
    EXPECT_NE(out[kHeads.q_size() + i], 7.0F);
    EXPECT_EQ(out[2 * kHeads.q_size() + i], 7.0F);
  }
}

}  // namespace
}  // namespace kith::nn
