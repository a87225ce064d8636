#include "kith/text/word_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace kith::text {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<TokenId> must_find(const WordCache& cache, std::string_view word, std::uint64_t hash) {
  std::vector<TokenId> tokens;
  EXPECT_TRUE(cache.find(word, hash, tokens)) << word;
  return tokens;
}

bool holds(const WordCache& cache, std::string_view word, std::uint64_t hash) {
  std::vector<TokenId> tokens;
  return cache.find(word, hash, tokens);
}

TEST(WordCacheTest, FindsTheTokensOfAKnownWordBehindWhatIsThere) {
  WordCache cache;
  cache.insert(" printer", 7, std::vector<TokenId>{12, 300'000, 0});
  std::vector<TokenId> tokens{5};
  ASSERT_TRUE(cache.find(" printer", 7, tokens));
  EXPECT_THAT(tokens, ElementsAre(5, 12, 300'000, 0));
}

TEST(WordCacheTest, KeepsTheLongestWordAndTheMostTokens) {
  WordCache cache;
  const std::string word(WordCache::kMaxBytes, 'x');
  const std::vector<TokenId> tokens{1, 2, 3, 4, 5, 6};
  cache.insert(word, 1, tokens);
  EXPECT_THAT(must_find(cache, word, 1), ElementsAreArray(tokens));
  cache.insert("none", 2, {});
  EXPECT_THAT(must_find(cache, "none", 2), ElementsAre());
}

TEST(WordCacheTest, DoesNotKeepWhatIsTooLong) {
  WordCache cache;
  const std::string word(WordCache::kMaxBytes + 1, 'x');
  cache.insert(word, 1, std::vector<TokenId>{1});
  EXPECT_FALSE(holds(cache, word, 1));
  cache.insert("word", 1, std::vector<TokenId>{1, 2, 3, 4, 5, 6, 7});
  EXPECT_FALSE(holds(cache, "word", 1));
  cache.insert("", 0, std::vector<TokenId>{1});
  EXPECT_FALSE(holds(cache, "", 0));
}

TEST(WordCacheTest, TellsWordsOfOneSlotApart) {
  WordCache cache;
  EXPECT_FALSE(holds(cache, "word", 3));
  cache.insert("word", 3, std::vector<TokenId>{1});
  for (const char* other : {"wore", "wor", "words"}) {
    EXPECT_FALSE(holds(cache, other, 3)) << other;
  }
  EXPECT_FALSE(holds(cache, std::string_view("word\0", 5), 3));
  cache.insert("other", 3, std::vector<TokenId>{2});
  EXPECT_FALSE(holds(cache, "word", 3));
  EXPECT_THAT(must_find(cache, "other", 3), ElementsAre(2));
}

// All fight for one slot; whatever a thread finds must be what belongs to the word.
TEST(WordCacheTest, NeverMixesWordsThatThreadsWriteAtOnce) {
  WordCache cache;
  constexpr int kRounds = 20'000;
  const auto tokens_of = [](char c) {
    return std::vector<TokenId>(static_cast<std::size_t>(c - 'a') + 1, c);
  };
  std::vector<std::thread> threads;
  for (const char own : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([&, own] {
      for (int i = 0; i < kRounds; ++i) {
        cache.insert(std::string(30, own), 9, tokens_of(own));
        for (const char c : {'a', 'b', 'c', 'd'}) {
          std::vector<TokenId> found;
          if (cache.find(std::string(30, c), 9, found)) {
            ASSERT_THAT(found, ElementsAreArray(tokens_of(c)));
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kith::text
