#include "kith/nn/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kith/base/rng.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

using tensor::DType;

std::vector<float> random_values(std::uint64_t seed, std::size_t count) {
  base::Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(2.0 * rng.uniform() - 1.0);
  return values;
}

// One sequence's queries, keys and values; every row is [heads | kv_heads | kv_heads] * head_dim.
struct Problem {
  int heads;
  int kv_heads;
  int head_dim;
  int tokens;
  bool is_causal = true;

  std::size_t stride() const { return static_cast<std::size_t>((heads + 2 * kv_heads) * head_dim); }
  std::size_t out_stride() const { return static_cast<std::size_t>(heads * head_dim); }
};

// softmax(q K / sqrt(d)) V for one row and head, in double.
std::vector<double> reference(const Problem& p, const std::vector<float>& rows, std::size_t row,
                              std::size_t head, std::size_t window = 0) {
  const auto dim = static_cast<std::size_t>(p.head_dim);
  const std::size_t kv_head = head / static_cast<std::size_t>(p.heads / p.kv_heads);
  const std::size_t keys = static_cast<std::size_t>(p.heads) * dim + kv_head * dim;
  const std::size_t values = keys + static_cast<std::size_t>(p.kv_heads) * dim;
  std::vector<double> out(dim);
  double total = 0.0;
  const std::size_t begin = window > 0 && row + 1 > window ? row + 1 - window : 0;
  const std::size_t end = p.is_causal ? row + 1 : static_cast<std::size_t>(p.tokens);
  for (std::size_t t = begin; t < end; ++t) {
    double score = 0.0;
    for (std::size_t d = 0; d < dim; ++d) {
      score += static_cast<double>(rows[row * p.stride() + head * dim + d]) *
               static_cast<double>(rows[t * p.stride() + keys + d]);
    }
    const double weight = std::exp(score / std::sqrt(static_cast<double>(dim)));
    total += weight;
    for (std::size_t d = 0; d < dim; ++d) {
      out[d] += weight * static_cast<double>(rows[t * p.stride() + values + d]);
    }
  }
  for (double& value : out) value /= total;
  return out;
}

std::vector<float> run(const Problem& p, const std::vector<float>& rows,
                       std::span<const std::int32_t> blocks, KvCache& cache, int window = 0) {
  const AttentionChunk chunk{0, p.tokens, 0, blocks};
  const auto q = p.out_stride();
  const std::span<const float> all(rows);
  std::vector<float> out(static_cast<std::size_t>(p.tokens) * q);
  // Any team does it: what the reference says holds whoever writes and reads which rows.
  tensor::run_team(2, [&] {
    const auto [begin, end] = tensor::team_share(static_cast<std::size_t>(p.tokens));
    append_kv({&chunk, 1}, begin, end, all.subspan(q),
              all.subspan(q + static_cast<std::size_t>(p.kv_heads * p.head_dim)), p.stride(), 0,
              cache);
    tensor::team_wait();
    attend({&chunk, 1}, {all, p.stride(), out, p.heads, window, p.is_causal}, 0, cache);
  });
  return out;
}

TEST(AttentionTest, IsTheSoftmaxOfScaledScores) {
  const std::vector<Problem> problems{
      {4, 2, 8, 50}, {3, 3, 64, 35},       {8, 1, 16, 17},        {6, 2, 80, 20},
      {2, 1, 2, 1},  {2, 2, 32, 1, false}, {4, 4, 24, 35, false}, {4, 2, 8, 64, false}};
  for (const Problem& p : problems) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
      const auto rows = random_values(1, static_cast<std::size_t>(p.tokens) * p.stride());
      KvCache cache({1, p.kv_heads, p.head_dim, dtype}, 5);
      const std::vector<std::int32_t> blocks{3, 0, 4, 2};
      const auto out = run(p, rows, blocks, cache);
      for (std::size_t row = 0; row < static_cast<std::size_t>(p.tokens); ++row) {
        for (std::size_t head = 0; head < static_cast<std::size_t>(p.heads); ++head) {
          const auto expected = reference(p, rows, row, head);
          for (std::size_t d = 0; d < expected.size(); ++d) {
            ASSERT_NEAR(out[row * p.out_stride() + head * expected.size() + d], expected[d],
                        dtype == DType::kF32   ? 2e-6
                        : dtype == DType::kF16 ? 2e-3
                                               : 1e-2);
          }
        }
      }
    }
  }
}

// Sequences of one row each: members write what they will read, without waiting.
TEST(AttentionTest, OwnHeadsNeedNoWaiting) {
  const Problem p{.heads = 6, .kv_heads = 3, .head_dim = 16, .tokens = 40};
  const auto rows = random_values(5, static_cast<std::size_t>(p.tokens) * p.stride());
  const std::span<const float> all(rows);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    const KvShape shape{1, p.kv_heads, p.head_dim, dtype};
    const std::vector<std::int32_t> blocks{2, 0, 1};
    KvCache whole(shape, 3);
    const auto expected = run(p, rows, blocks, whole);
    for (const int team : {1, 2, 4}) {
      KvCache cache(shape, 3);
      std::vector<float> out(static_cast<std::size_t>(p.tokens) * p.out_stride());
      for (int token = 0; token < p.tokens; ++token) {
        const AttentionChunk chunk{token, 1, token, blocks};
        tensor::run_team(team, [&] {
          for_own_heads({&chunk, 1}, p.kv_heads, [&](const AttentionChunk& own, int head) {
            const auto dim = static_cast<std::size_t>(p.head_dim);
            const auto row = all.subspan(static_cast<std::size_t>(own.first_row) * p.stride());
            const auto key = row.subspan(p.out_stride() + static_cast<std::size_t>(head) * dim);
            const auto values = key.subspan(static_cast<std::size_t>(p.kv_heads) * dim);
            append_kv_head(own, head, key.first(dim), values.first(dim), 0, cache);
          });
          attend({&chunk, 1}, {all, p.stride(), out, p.heads}, 0, cache);
        });
      }
      EXPECT_EQ(out, expected) << team << " members";
    }
  }
}

TEST(AttentionTest, ASlidingWindowHidesWhatIsFurtherBack) {
  const Problem p{4, 2, 8, 70};
  const auto rows = random_values(8, static_cast<std::size_t>(p.tokens) * p.stride());
  const std::vector<std::int32_t> blocks{3, 0, 4, 2, 1};
  for (const int window : {1, 5, 16, 23, 70, 200}) {
    KvCache cache({1, p.kv_heads, p.head_dim, DType::kF32}, 5);
    const auto out = run(p, rows, blocks, cache, window);
    for (std::size_t row = 0; row < static_cast<std::size_t>(p.tokens); ++row) {
      for (std::size_t head = 0; head < static_cast<std::size_t>(p.heads); ++head) {
        const auto expected = reference(p, rows, row, head, static_cast<std::size_t>(window));
        for (std::size_t d = 0; d < expected.size(); ++d) {
          ASSERT_NEAR(out[row * p.out_stride() + head * expected.size() + d], expected[d], 2e-6)
              << "window " << window << ", row " << row;
        }
      }
    }
  }
}

// The blocks before the window may be somebody else's by then, or not be named at all.
TEST(AttentionTest, WhatAWindowHidesNeedNoBlocks) {
  const Problem p{.heads = 4, .kv_heads = 2, .head_dim = 16, .tokens = 90};
  const auto rows = random_values(9, static_cast<std::size_t>(p.tokens) * p.stride());
  const std::span<const float> all(rows);
  const std::vector<std::int32_t> blocks{2, 0, 5, 4, 3, 1};
  const auto kv = static_cast<std::size_t>(p.kv_heads * p.head_dim);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    for (const int window : {1, 7, 16, 33}) {
      KvCache cache({1, p.kv_heads, p.head_dim, dtype}, 6);
      const auto expected = run(p, rows, blocks, cache, window);
      for (int token = 0; token < p.tokens; ++token) {
        std::vector<float> out(expected.size());
        const int first = std::max(0, token + 1 - window) / kBlockTokens;
        const auto named = std::span(blocks).subspan(static_cast<std::size_t>(first));
        const AttentionChunk chunk{token, 1, token, named, first};
        const auto row = static_cast<std::size_t>(token);
        append_kv({&chunk, 1}, row, row + 1, all.subspan(p.out_stride()),
                  all.subspan(p.out_stride() + kv), p.stride(), 0, cache);
        attend({&chunk, 1}, {all, p.stride(), out, p.heads, window}, 0, cache);
        ASSERT_TRUE(
            std::equal(out.begin() + static_cast<std::ptrdiff_t>(row * p.out_stride()),
                       out.begin() + static_cast<std::ptrdiff_t>((row + 1) * p.out_stride()),
                       expected.begin() + static_cast<std::ptrdiff_t>(row * p.out_stride())))
            << tensor::dtype_name(dtype) << ", window " << window << ", token " << token;
      }
    }
  }
}

// What an earlier sequence left behind the last token of a block must not reach the result, not
// even when it is not a number.
TEST(AttentionTest, IgnoresWhatLiesBehindTheLastToken) {
  const Problem p{4, 2, 8, 21};
  const auto rows = random_values(2, static_cast<std::size_t>(p.tokens) * p.stride());
  const std::vector<std::int32_t> blocks{0, 1};
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    KvCache clean({1, 2, 8, dtype}, 2);
    const auto expected = run(p, rows, blocks, clean);

    KvCache dirty({1, 2, 8, dtype}, 2);
    const Problem other{4, 2, 8, 32};
    std::vector<float> poison(32 * other.stride(), std::numeric_limits<float>::quiet_NaN());
    run(other, poison, blocks, dirty);
    EXPECT_EQ(run(p, rows, blocks, dirty), expected) << tensor::dtype_name(dtype);
  }
}

// A row is computed in tiles with others or alone, over a cache that was filled in steps or at
// once: bit for bit the same.
TEST(AttentionTest, ARowDoesNotDependOnItsTile) {
  const Problem p{.heads = 6, .kv_heads = 2, .head_dim = 24, .tokens = 75};
  const auto rows = random_values(6, static_cast<std::size_t>(p.tokens) * p.stride());
  const std::span<const float> all(rows);
  const std::vector<std::int32_t> blocks{2, 0, 1, 4, 3};
  const auto q = p.out_stride();
  const auto kv = static_cast<std::size_t>(p.kv_heads * p.head_dim);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    for (const int window : {0, 7, 32}) {
      KvCache whole({1, p.kv_heads, p.head_dim, dtype}, 5);
      const auto expected = run(p, rows, blocks, whole, window);
      for (const int step : {1, 5, 16}) {
        KvCache cache({1, p.kv_heads, p.head_dim, dtype}, 5);
        std::vector<float> out(expected.size());
        for (int first = 0; first < p.tokens; first += step) {
          const AttentionChunk chunk{first, std::min(step, p.tokens - first), first, blocks};
          const auto begin = static_cast<std::size_t>(first);
          append_kv({&chunk, 1}, begin, begin + static_cast<std::size_t>(chunk.num_rows),
                    all.subspan(q), all.subspan(q + kv), p.stride(), 0, cache);
          attend({&chunk, 1}, {all, p.stride(), out, p.heads, window}, 0, cache);
        }
        EXPECT_EQ(out, expected) << tensor::dtype_name(dtype) << ", window " << window
                                 << ", steps of " << step;
      }
    }
  }
}

// Texts packed one behind the other do not see each other, and each is what it is alone.
TEST(AttentionTest, PackedTextsAreBlindToEachOther) {
  const Problem first{2, 2, 16, 21, false};
  const Problem second{2, 2, 16, 5, false};
  auto rows = random_values(7, 26 * first.stride());
  const std::vector<std::int32_t> blocks{0, 1, 2};
  KvCache cache({1, 2, 16, DType::kF32}, 3);
  const std::span<const std::int32_t> all(blocks);
  const std::vector<AttentionChunk> chunks{{0, 21, 0, all.first(2)}, {0, 5, 21, all.subspan(2)}};
  const std::span<const float> packed(rows);
  append_kv(chunks, 0, 26, packed.subspan(32), packed.subspan(64), first.stride(), 0, cache);
  std::vector<float> out(26 * first.out_stride());
  AttentionIo io{packed, first.stride(), out, 2};
  io.is_causal = false;
  attend(chunks, io, 0, cache);

  auto alone = run(first, rows, all.first(2), cache);
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(21 * first.stride()));
  const auto other = run(second, rows, all.first(1), cache);
  alone.insert(alone.end(), other.begin(), other.end());
  EXPECT_EQ(out, alone);
}

TEST(AttentionTest, SurvivesHugeScores) {
  const Problem p{1, 1, 16, 20};
  std::vector<float> rows(static_cast<std::size_t>(p.tokens) * p.stride(), 1.0F);
  for (std::size_t i = 0; i < 32; ++i) rows[19 * p.stride() + i] = 1e4F;
  KvCache cache({1, 1, 16, DType::kF32}, 2);
  const auto out = run(p, rows, std::vector<std::int32_t>{0, 1}, cache);
  for (const float value : out) EXPECT_FLOAT_EQ(value, 1.0F);
}

// Three queries over 19 to 21 tokens, on the kernels of one level.
std::vector<float> attend_at(tensor::CpuLevel level, DType dtype, int dim) {
  KvCache cache({1, 1, dim, dtype}, 2);
  const auto width = static_cast<std::size_t>(dim);
  const auto rows = random_values(3, 32 * 2 * width);
  const std::vector<std::int32_t> blocks{0, 1};
  const AttentionChunk chunk{0, 32, 0, blocks};
  append_kv({&chunk, 1}, 0, 32, rows, std::span(rows).subspan(width), 2 * width, 0, cache);

  const auto queries = random_values(5, 3 * width);
  std::vector<float> out(3 * width);
  tensor::AlignedVector<float> scores(kMaxQueryTile * 32);
  tensor::AlignedVector<float> sums(kMaxQueryTile * (width + 16));
  const void* key_blocks[] = {cache.keys(0, 0), cache.keys(0, 1)};
  const void* value_blocks[] = {cache.values(0, 0), cache.values(0, 1)};
  AttentionTile tile{};
  for (int q = 0; q < 3; ++q) {
    tile.queries[q] = queries.data() + q * dim;
    tile.results[q] = out.data() + q * dim;
    tile.lengths[q] = 19 + q;
  }
  tile.num_queries = 3;
  tile.head_dim = dim;
  tile.value_stride = cache.shape().value_stride();
  tile.scale = 0.2F;
  tile.keys = key_blocks;
  tile.values = value_blocks;
  tile.scores = scores.data();
  tile.sums = sums.data();
  attention_kernel(kernels_for(level), dtype)(tile);
  return out;
}

TEST(AttentionTest, KernelsOfAllLevelsAgree) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBf16}) {
    for (const int dim : {24, 64, 80, 128}) {
      const auto portable = attend_at(tensor::CpuLevel::kPortable, dtype, dim);
      for (int level = 1; level <= static_cast<int>(tensor::cpu_level()); ++level) {
        const auto out = attend_at(static_cast<tensor::CpuLevel>(level), dtype, dim);
        for (std::size_t i = 0; i < out.size(); ++i) {
          // A weight can round to another bf16 where the last bit of a score differs.
          EXPECT_NEAR(out[i], portable[i], dtype == DType::kBf16 ? 2e-3F : 2e-6F)
              << "level " << level << " dim " << dim;
        }
      }
    }
  }
}

TEST(KvCacheTest, BlocksAreApartAndCopied) {
  const KvShape shape{2, 3, 10, DType::kF32};
  KvCache cache(shape, 4);
  EXPECT_EQ(cache.bytes(), 4 * shape.block_bytes());
  // Keys 3 * 10 * 16, values 3 * 16 * 16 floats, in two layers.
  EXPECT_EQ(shape.block_bytes(), 2 * 4 * (3 * 10 * 16 + 3 * 16 * 16));
  for (int layer = 0; layer < 2; ++layer) {
    for (std::int32_t block = 0; block < 4; ++block) {
      *cache.keys(layer, block) = static_cast<std::byte>(10 * layer + block);
      *cache.values(layer, block) = static_cast<std::byte>(100 + 10 * layer + block);
    }
  }
  cache.copy_block(1, 3);
  for (int layer = 0; layer < 2; ++layer) {
    EXPECT_EQ(*cache.keys(layer, 3), static_cast<std::byte>(10 * layer + 1));
    EXPECT_EQ(*cache.values(layer, 3), static_cast<std::byte>(100 + 10 * layer + 1));
    EXPECT_EQ(*cache.keys(layer, 2), static_cast<std::byte>(10 * layer + 2));
  }
}

}  // namespace
}  // namespace kith::nn
