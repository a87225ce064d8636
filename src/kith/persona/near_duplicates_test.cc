#include "kith/persona/near_duplicates.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kith/base/rng.h"

namespace kith::persona {
namespace {

std::string sentence(base::Rng& rng, std::size_t words) {
  std::string text;
  for (std::size_t i = 0; i < words; ++i) text += "w" + std::to_string(rng.below(5000)) + " ";
  return text;
}

// By hand: "a b c d" has the shingles abc, bcd; "a b c e" has abc, bce: one of three in common.
TEST(NearDuplicatesTest, SimilarityIsOfSetsOfThreeWords) {
  EXPECT_DOUBLE_EQ(shingle_similarity("a b c d", "A, b c e!"), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(shingle_similarity("Reset it.", "reset  IT"), 1.0);
  EXPECT_DOUBLE_EQ(shingle_similarity("", "..."), 1.0);
  EXPECT_DOUBLE_EQ(shingle_similarity("a b c", "d e f"), 0.0);
}

TEST(NearDuplicatesTest, FindsATextWithAWordChangedAndNamesTheFirst) {
  base::Rng rng(3);
  NearDuplicates near(0.8);
  const std::string first = sentence(rng, 80);
  EXPECT_FALSE(near.add(sentence(rng, 80)));
  EXPECT_FALSE(near.add(first));
  std::string changed = first;
  changed.replace(changed.find(' ', 100) + 1, 1, "x");
  const auto match = near.add(changed);
  ASSERT_TRUE(match);
  EXPECT_EQ(match->earlier, 1U);
  EXPECT_NEAR(match->similarity, shingle_similarity(first, changed), 1e-12);
}

// Against all pairs: what the bands find is what is there.
TEST(NearDuplicatesTest, AgreesWithComparingEveryPair) {
  base::Rng rng(11);
  std::vector<std::string> texts;
  for (int i = 0; i < 120; ++i) {
    if (i % 3 == 0 || texts.empty()) {
      texts.push_back(sentence(rng, 60));
      continue;
    }
    std::string text = texts[rng.below(texts.size())];
    for (std::size_t edits = rng.below(8); edits > 0; --edits) text[rng.below(text.size())] = 'q';
    texts.push_back(std::move(text));
  }
  NearDuplicates near(0.8);
  std::vector<std::string> kept;
  for (const std::string& text : texts) {
    bool expected = false;
    for (const std::string& earlier : kept) {
      expected = expected || shingle_similarity(text, earlier) >= 0.8;
    }
    EXPECT_EQ(near.add(text).has_value(), expected);
    if (!expected) kept.push_back(text);
  }
  EXPECT_LT(kept.size(), texts.size());
}

}  // namespace
}  // namespace kith::persona
