#include "kith/train/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/text/tokenizer.h"
#include "kith/train/test_support.h"

namespace kith::train {
namespace {

// "ab" occurs five times, "bc" four times, "abc" then three times.
TEST(BpeTrainerTest, MergesTheMostFrequentPairFirst) {
  BpeTrainer trainer;
  trainer.add_text("ab");
  trainer.add_text("ab");
  for (int i = 0; i < 3; ++i) trainer.add_text("abc");
  trainer.add_text("bc");
  const BpeVocabulary vocabulary = trainer.train(3 + 256 + 10);
  ASSERT_EQ(vocabulary.tokens.size(), 258U);  // "bc" is left once and not merged
  EXPECT_EQ(vocabulary.tokens[256], "ab");
  EXPECT_EQ(vocabulary.tokens[257], "abc");
}

TEST(BpeTrainerTest, CountsPairsAcrossRepeatsInOneWord) {
  BpeTrainer trainer;
  trainer.add_text("aaaa");
  trainer.add_text("aaaa");
  const BpeVocabulary vocabulary = trainer.train(3 + 256 + 10);
  EXPECT_THAT(std::vector<std::string>(vocabulary.tokens.begin() + 256, vocabulary.tokens.end()),
              testing::ElementsAre("aa", "aaaa"));
}

TEST(BpeTrainerTest, WritesATokenizerThatRoundTrips) {
  BpeTrainer trainer;
  for (int i = 0; i < 3; ++i)
    trainer.add_text("The printer's toner is low, 请更换墨盒。 Émile's café!");
  const base::TestDirectory directory;
  ASSERT_TRUE(save_tokenizer(trainer.train(330), 128, directory.path()));
  const auto tokenizer = text::Tokenizer::load(directory.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->token_to_id(kEndOfText), 0);
  EXPECT_EQ(tokenizer->token_to_id(kTurnStart), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  for (const std::string sample :
       {"The printer's toner is low", "完全没见过的字 🙂\n\ttabs",
        "<|im_end|> is only text here"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(sample)), sample);
  }
  EXPECT_LT(tokenizer->encode("The printer's toner").size(), 8U);
}

TEST(BpeTrainerTest, DoesNotDependOnTheOrderOfTexts) {
  BpeTrainer a;
  BpeTrainer b;
  const std::vector<std::string> texts{"one two three", "two three four", "four five one"};
  for (const auto& text : texts) a.add_text(text);
  for (auto it = texts.rbegin(); it != texts.rend(); ++it) b.add_text(*it);
  EXPECT_EQ(a.train(300).tokens, b.train(300).tokens);
}

}  // namespace
}  // namespace kith::train
