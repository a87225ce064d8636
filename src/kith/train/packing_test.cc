#include "kith/train/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "kith/train/test_support.h"

namespace kith::train {
namespace {

// Documents of the given lengths; tokens count up through the shard, all of them counted.
TokenShard make_shard(const base::TestDirectory& directory, const std::vector<int>& lengths) {
  ShardBuilder builder;
  std::uint32_t next = 1;
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) builder.tokens.push_back(next++ | kCountedBit);
    builder.end_document();
  }
  const auto path = directory.path() / "shard.tokens";
  EXPECT_TRUE(builder.save(path));
  return *TokenShard::open(path);
}

TEST(PackingTest, AStreamMakesEachTokenATargetOnce) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {5, 17, 1, 30, 8});
  WindowStream stream({{&shard, 1.0, Packing::kStream}}, 3, 0);
  stream.set_stage(0, 8);
  std::multiset<std::int64_t> seen;
  const std::int64_t cycle = stream.cycle_size();
  for (std::int64_t i = 0; i < cycle; ++i) {
    const Batch batch = stream.next(1);
    for (const auto target : batch.targets) {
      if (target >= 0) seen.insert(target);
    }
  }
  // All but the very first token, which nothing precedes.
  EXPECT_EQ(seen.size(), 60U);
  EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), 60U);
}

TEST(PackingTest, TargetsAreInputsShiftedByOne) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {40});
  WindowStream stream({{&shard, 1.0, Packing::kStream}}, 3, 0);
  stream.set_stage(0, 8);
  const Batch batch = stream.next(4);
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t i = 0; i + 1 < 8; ++i) {
      EXPECT_EQ(batch.targets[row * 8 + i], batch.ids[row * 8 + i + 1]);
    }
  }
}

TEST(PackingTest, WholeDocumentsThatFitAreNeverCut) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {5, 9, 2, 7, 3, 4, 9, 6, 20});
  base::Rng rng(1);
  std::map<std::uint32_t, int> pieces;
  for (const Window& window : pack_whole(shard, 8, rng)) {
    std::uint32_t used = 0;
    for (const Piece& piece : window.pieces) {
      ++pieces[piece.document];
      used += piece.end - piece.begin;
    }
    EXPECT_LE(used, 9U);
  }
  for (std::uint32_t document = 0; document < 8; ++document) EXPECT_EQ(pieces[document], 1);
  EXPECT_EQ(pieces[8], 3);  // 20 tokens in windows of 9 that overlap by one
}

// 5 + 4 and 7 + 2 and 6 + 3 fill three windows of nine exactly.
TEST(PackingTest, BestFitLeavesNoRoomWhereNoneNeedBe) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {5, 7, 6, 2, 3, 4});
  base::Rng rng(1);
  EXPECT_EQ(pack_whole(shard, 8, rng).size(), 3U);
}

TEST(PackingTest, PaddingDoesNotCount) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {4});
  WindowStream stream({{&shard, 1.0, Packing::kWhole}}, 3, 7);
  stream.set_stage(0, 8);
  const Batch batch = stream.next(1);
  EXPECT_THAT(batch.ids, testing::ElementsAre(1, 2, 3, 4, 7, 7, 7, 7));
  EXPECT_THAT(batch.targets, testing::ElementsAre(2, 3, 4, -1, -1, -1, -1, -1));
  EXPECT_EQ(batch.counted, 3);
}

TEST(PackingTest, TokensWithoutTheBitAreNotTargets) {
  const base::TestDirectory directory;
  ShardBuilder builder;
  builder.tokens = {1, 2, 3 | kCountedBit, 4};
  builder.end_document();
  ASSERT_TRUE(builder.save(directory.path() / "s"));
  const TokenShard shard = *TokenShard::open(directory.path() / "s");
  WindowStream stream({{&shard, 1.0, Packing::kStream}}, 3, 0);
  stream.set_stage(0, 3);
  EXPECT_THAT(stream.next(1).targets, testing::ElementsAre(-1, 3, -1));
}

TEST(PackingTest, TargetsHaveTheWeightsOfTheirDocuments) {
  const base::TestDirectory directory;
  ShardBuilder builder;
  const auto add = [&](std::uint32_t token, int count, float weight) {
    for (int i = 0; i < count; ++i) builder.tokens.push_back(token | kCountedBit);
    builder.end_document(weight);
  };
  add(1, 3, 1.0F);
  add(2, 3, 2.5F);
  add(3, 2, 0.5F);
  ASSERT_TRUE(builder.save(directory.path() / "s"));
  const TokenShard shard = *TokenShard::open(directory.path() / "s");
  EXPECT_TRUE(shard.has_weights());
  WindowStream stream({{&shard, 1.0, Packing::kWhole}}, 3, 0);
  stream.set_stage(0, 8);
  const Batch batch = stream.next(1);
  const std::map<std::int64_t, float> expected{{1, 1.0F}, {2, 2.5F}, {3, 0.5F}, {-1, 1.0F}};
  ASSERT_EQ(batch.weights.size(), batch.targets.size());
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    EXPECT_EQ(batch.weights[i], expected.at(batch.targets[i])) << i;
  }
  // Without weights nothing is kept for them.
  EXPECT_FALSE(make_shard(directory, {4, 5}).has_weights());
}

TEST(PackingTest, SeekingGoesOnWhereAnotherStreamStood) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {50, 60, 70});
  WindowStream first({{&shard, 1.0, Packing::kStream}}, 3, 0);
  first.set_stage(0, 8);
  for (int i = 0; i < 31; ++i) static_cast<void>(first.next(1));  // into the second cycle
  EXPECT_EQ(first.position().cycle, 1);
  WindowStream second({{&shard, 1.0, Packing::kStream}}, 3, 0);
  second.seek(first.position(), 8);
  EXPECT_EQ(first.next(5).ids, second.next(5).ids);
}

TEST(PackingTest, WeightsSetTheSharesOfACycle) {
  const base::TestDirectory directory;
  const TokenShard shard = make_shard(directory, {801});
  const auto size = [&](double weight) {
    WindowStream stream({{&shard, weight, Packing::kStream}}, 3, 0);
    stream.set_stage(0, 8);
    return stream.cycle_size();
  };
  EXPECT_EQ(size(1.0), 100);
  EXPECT_EQ(size(2.5), 250);
  EXPECT_NEAR(static_cast<double>(size(0.25)), 25.0, 1.0);
}

TEST(TokenShardTest, RefusesFilesThatAreNotShards) {
  const base::TestDirectory directory;
  const auto refused = [&](const std::string& bytes) {
    return !TokenShard::open(directory.write("x", bytes));
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused(std::string(200, 'x')));
  ShardBuilder builder;
  builder.tokens = {1, 2, 3};
  builder.end_document();
  ASSERT_TRUE(builder.save(directory.path() / "good"));
  std::string bytes = *base::read_file(directory.path() / "good");
  EXPECT_FALSE(refused(bytes));
  EXPECT_TRUE(refused(bytes.substr(0, bytes.size() - 4)));
  bytes[8] = '\xFF';  // documents
  EXPECT_TRUE(refused(bytes));
  bytes.replace(8, 8, std::string(8, '\xFF'));
  EXPECT_TRUE(refused(bytes));

  builder.end_document(2.0F);
  ASSERT_TRUE(builder.save(directory.path() / "weighted"));
  bytes = *base::read_file(directory.path() / "weighted");
  EXPECT_FALSE(refused(bytes));
  EXPECT_TRUE(refused(bytes.substr(0, bytes.size() - 4)));
  bytes.replace(bytes.size() - 4, 4, std::string(4, '\xFF'));  // a weight that is no number
  EXPECT_TRUE(refused(bytes));
}

}  // namespace
}  // namespace kith::train
