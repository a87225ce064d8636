#include "kith/memory/chunker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/rng.h"
#include "kith/text/utf8.h"

namespace kith::memory {
namespace {

std::vector<std::string> texts(const std::string& text, std::size_t max_bytes) {
  std::vector<std::string> out;
  for (const Chunk& chunk : split_chunks(text, max_bytes)) {
    out.push_back((chunk.heading.empty() ? "" : chunk.heading + ": ") +
                  text.substr(chunk.start, chunk.end - chunk.start));
  }
  return out;
}

TEST(ChunkerTest, CutsAtHeadingsAndKeepsThem) {
  EXPECT_THAT(texts("Intro.\n\n## First part\n\nOne.\n\nTwo.\n# Second\nThree.\n", 100),
              testing::ElementsAre("Intro.", "First part: One.\n\nTwo.", "Second: Three."));
}

TEST(ChunkerTest, JoinsParagraphsWhileTheyFit) {
  EXPECT_THAT(texts("aaaa\n\nbbbb\n\ncccc", 10), testing::ElementsAre("aaaa\n\nbbbb", "cccc"));
}

TEST(ChunkerTest, CutsLongParagraphsAtSentences) {
  EXPECT_THAT(texts("One is here. Two is here. Three is here.", 26),
              testing::ElementsAre("One is here. Two is here.", "Three is here."));
  EXPECT_THAT(texts("第一句话。第二句话。第三句话。", 32),
              testing::ElementsAre("第一句话。第二句话。", "第三句话。"));
}

TEST(ChunkerTest, CutsLongSentencesBetweenCharacters) {
  EXPECT_THAT(texts("密码密码", 7), testing::ElementsAre("密码", "密码"));
  EXPECT_THAT(texts("密码", 1), testing::ElementsAre("密", "码"));
}

TEST(ChunkerTest, KnowsHeadingsFromHashtags) {
  EXPECT_THAT(texts("#tag is no heading\n####### nor this\n#\n", 100),
              testing::ElementsAre("#tag is no heading\n####### nor this\n#"));
}

TEST(ChunkerTest, HasNoChunkWithoutText) {
  EXPECT_THAT(split_chunks(""), testing::IsEmpty());
  EXPECT_THAT(split_chunks(" \n\n## Only a heading\n \r\n"), testing::IsEmpty());
}

TEST(ChunkerTest, LosesNoCharacterAndNeverOverlaps) {
  base::Rng rng(7);
  const std::vector<std::string> pieces = {
      "word ",    "Sentence ends. ", "\n",   "\n\n", "密码。", "é",
      "- item\n", "1. step\n",       "\r\n", "\xFF", "  "};
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += pieces[rng() % pieces.size()];
    const std::size_t max_bytes = 8 + rng() % 60;
    std::vector<bool> covered(text.size(), false);
    std::size_t previous_end = 0;
    for (const Chunk& chunk : split_chunks(text, max_bytes)) {
      ASSERT_GE(chunk.start, previous_end);
      ASSERT_LT(chunk.start, chunk.end);
      ASSERT_LE(chunk.end - chunk.start, max_bytes);
      previous_end = chunk.end;
      for (std::size_t i = chunk.start; i < chunk.end; ++i) covered[i] = true;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool is_space = std::string_view(" \t\r\n").find(text[i]) != std::string_view::npos;
      ASSERT_TRUE(covered[i] || is_space) << "byte " << i << " of " << text;
    }
  }
}

}  // namespace
}  // namespace kith::memory
