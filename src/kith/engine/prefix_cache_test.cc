#include "kith/engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace kith::engine {
namespace {

using ::testing::ElementsAre;
using text::TokenId;

std::vector<TokenId> tokens(int first, int count) {
  std::vector<TokenId> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}

class PrefixCacheTest : public ::testing::Test {
 protected:
  std::vector<std::int32_t> allocate(int count) {
    std::vector<std::int32_t> out;
    for (int i = 0; i < count; ++i) out.push_back(*blocks_.allocate());
    return out;
  }
  void release(const std::vector<std::int32_t>& owned) {
    for (const std::int32_t block : owned) blocks_.release(block);
  }
  // As a request does that runs alone: its blocks stay behind without an owner.
  std::vector<std::int32_t> leave_behind(const std::string& space,
                                         const std::vector<TokenId>& text) {
    auto owned = allocate(static_cast<int>(text.size() + 15) / 16);
    cache_.insert(space, text, owned);
    release(owned);
    return owned;
  }
  int num_found(const std::string& space, const std::vector<TokenId>& text) {
    const auto found = cache_.acquire(space, text);
    release(found);
    return static_cast<int>(found.size());
  }

  KvBlocks blocks_{8};
  PrefixCache cache_{blocks_};
};

TEST_F(PrefixCacheTest, FindsTheLongestCommonBeginningInWholeBlocks) {
  const auto owned = leave_behind("a", tokens(0, 40));
  EXPECT_EQ(cache_.num_blocks(), 2);
  EXPECT_EQ(blocks_.num_idle(), 2);
  EXPECT_EQ(blocks_.num_free(), 6);
  const auto found = cache_.acquire("a", tokens(0, 100));
  EXPECT_THAT(found, ElementsAre(owned[0], owned[1]));
  EXPECT_EQ(blocks_.num_owned(), 2);
  release(found);
  EXPECT_EQ(num_found("a", tokens(0, 31)), 1);
  EXPECT_EQ(num_found("a", tokens(0, 15)), 0);
  EXPECT_EQ(num_found("a", tokens(1, 40)), 0);
}

TEST_F(PrefixCacheTest, SpacesDoNotMeet) {
  leave_behind("a", tokens(0, 32));
  EXPECT_EQ(num_found("b", tokens(0, 32)), 0);
  EXPECT_EQ(num_found("", tokens(0, 32)), 0);
}

TEST_F(PrefixCacheTest, ASecondCopyOfTheSameTokensIsNotKept) {
  leave_behind("a", tokens(0, 16));
  leave_behind("a", tokens(0, 48));
  EXPECT_EQ(cache_.num_blocks(), 1);
  EXPECT_EQ(blocks_.num_free(), 7);
}

TEST_F(PrefixCacheTest, EvictsTheLeastRecentlyUsedFromItsEnd) {
  leave_behind("a", tokens(0, 32));
  leave_behind("a", tokens(500, 16));
  EXPECT_EQ(num_found("a", tokens(0, 16)), 1);
  // The end of the first was used before the second, its beginning after.
  ASSERT_TRUE(cache_.evict());
  EXPECT_EQ(num_found("a", tokens(0, 32)), 1);
  ASSERT_TRUE(cache_.evict());
  EXPECT_EQ(num_found("a", tokens(500, 16)), 0);
  ASSERT_TRUE(cache_.evict());
  EXPECT_FALSE(cache_.evict());
  EXPECT_EQ(blocks_.num_free(), 8);
  EXPECT_EQ(cache_.num_blocks(), 0);
}

TEST_F(PrefixCacheTest, WhatARequestOwnsIsNotEvicted) {
  leave_behind("a", tokens(0, 32));
  const auto found = cache_.acquire("a", tokens(0, 32));
  EXPECT_FALSE(cache_.evict());
  release(found);
  EXPECT_TRUE(cache_.evict());
}

// Whatever happens: every block is free, idle or owned, and idle ones can all be had.
TEST_F(PrefixCacheTest, IdleBlocksCanAlwaysBeFreed) {
  std::vector<std::vector<std::int32_t>> running;
  std::uint32_t state = 1;
  const auto draw = [&state](std::uint32_t below) {
    state = state * 1664525U + 1013904223U;
    return (state >> 8U) % below;
  };
  for (int step = 0; step < 5000; ++step) {
    const auto text = tokens(static_cast<int>(draw(2)) * 16, static_cast<int>(draw(49)));
    if (draw(2) == 0 && !running.empty()) {
      release(running.back());
      running.pop_back();
    } else {
      auto owned = cache_.acquire("a", text);
      while (owned.size() < text.size() / 16) {
        if (blocks_.num_free() == 0 && !cache_.evict()) break;
        owned.push_back(*blocks_.allocate());
      }
      if (owned.size() == text.size() / 16) cache_.insert("a", text, owned);
      running.push_back(owned);
    }
    ASSERT_EQ(blocks_.num_owned() + blocks_.num_idle() + blocks_.num_free(), 8);
    ASSERT_FALSE(blocks_.num_idle() > 0 && step % 100 == 0 && !cache_.evict());
  }
  for (const auto& owned : running) release(owned);
  while (cache_.evict()) {
  }
  EXPECT_EQ(blocks_.num_free(), 8);
}

}  // namespace
}  // namespace kith::engine
