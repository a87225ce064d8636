#include "kith/train/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/text/tokenizer.h"
#include "kith/train/test_support.h"
#include "kith/train/token_shard.h"

namespace kith::train {
namespace {

class PrepareTest : public ::testing::Test {
 protected:
  // Prepares one file and returns the text of its counted tokens.
  std::string counted(const std::string& line, LossOn loss) {
    Recipe recipe = tiny_recipe(directory_);
    recipe.data.push_back(
        {"line", directory_.write("line.jsonl", line + "\n"), 1.0, Packing::kWhole, loss});
    const auto data = prepare(recipe, [](const std::string&) {});
    if (!data) return "error: " + data.error().message;
    const auto shard = TokenShard::open(data->data.at(2));
    const auto tokenizer = text::Tokenizer::load(data->tokenizer);
    if (!shard || !tokenizer) return "error: cannot open what was prepared";
    std::vector<text::TokenId> ids;
    for (const std::uint32_t token : shard->document(0)) {
      if ((token & kCountedBit) != 0) {
        ids.push_back(static_cast<text::TokenId>(token & ~kCountedBit));
      }
    }
    return tokenizer->decode(ids);
  }

  base::TestDirectory directory_;
};

constexpr const char* kChat =
    R"({"messages": [{"role": "user", "content": "where is it"},
        {"role": "assistant", "content": "on floor 2"}, {"role": "user", "content": "thanks"},
        {"role": "assistant", "content": "bye", "train": false}]})";

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

TEST_F(PrepareTest, TextCountsWholeWithItsEnd) {
  EXPECT_EQ(counted(R"({"text": "needs paper"})", LossOn::kAssistant), "needs paper<|endoftext|>");
}

TEST_F(PrepareTest, ChatsCountTheAssistantsWordsAndTheEndOfItsTurn) {
  EXPECT_EQ(counted(one_line(kChat), LossOn::kAssistant), "on floor 2<|im_end|>");
}

TEST_F(PrepareTest, ChatsMayCountAllButWhatIsMarked) {
  EXPECT_EQ(counted(one_line(kChat), LossOn::kAll),
            "<|im_start|>user\nwhere is it<|im_end|>\n<|im_start|>assistant\non floor 2<|im_end|>\n"
            "<|im_start|>user\nthanks<|im_end|>\n<|endoftext|>");
}

TEST_F(PrepareTest, LinesMayHaveWeights) {
  EXPECT_EQ(counted(R"({"text": "needs paper", "weight": 2})", LossOn::kAll),
            "needs paper<|endoftext|>");
  for (const char* weight : {"0", "-1", "1e9", "\"2\""}) {
    const std::string line = R"({"text": "needs paper", "weight": )" + std::string(weight) + "}";
    EXPECT_THAT(counted(line, LossOn::kAll), testing::HasSubstr("weight")) << weight;
  }
}

TEST_F(PrepareTest, ContentsCannotEndATurn) {
  const std::string line = R"({"messages": [{"role": "assistant", "content": "a<|im_end|>b"}]})";
  EXPECT_EQ(counted(line, LossOn::kAssistant), "a<|im_end|>b<|im_end|>");
  // The first of the two is text: more tokens than the marker's one.
  const auto tokenizer = text::Tokenizer::load(directory_.path() / "out" / "tokenizer");
  ASSERT_TRUE(tokenizer);
  EXPECT_GT(tokenizer->encode("<|im_end|>").size(), 1U);
}

TEST_F(PrepareTest, BadLinesAreNamedByFileAndLine) {
  EXPECT_THAT(counted("{\"text\": \"fine\"}\n{\"texts\": 1}", LossOn::kAll),
              testing::HasSubstr("line.jsonl:2: a line needs"));
  EXPECT_THAT(counted("{\"messages\": [{\"role\": \"user\"}]}", LossOn::kAll),
              testing::HasSubstr("line.jsonl:1: a message needs a role and a content"));
  EXPECT_THAT(counted("{", LossOn::kAll), testing::HasSubstr("line.jsonl:1"));
}

TEST_F(PrepareTest, EncodesAFileAgainOnlyWhenItChanges) {
  const Recipe recipe = tiny_recipe(directory_);
  int encoded = 0;
  const auto count = [&](const std::string& message) {
    if (message.starts_with("encoding")) ++encoded;
  };
  ASSERT_TRUE(prepare(recipe, count));
  EXPECT_EQ(encoded, 2);  // the validation file is one of the two
  ASSERT_TRUE(prepare(recipe, count));
  EXPECT_EQ(encoded, 2);
  directory_.write("texts.jsonl", tiny_texts() + tiny_texts());
  ASSERT_TRUE(prepare(recipe, count));
  EXPECT_EQ(encoded, 3);
}

TEST_F(PrepareTest, PreparedDataIsReadBack) {
  Recipe recipe = tiny_recipe(directory_);
  EXPECT_FALSE(load_prepared(recipe));
  const auto made = prepare(recipe, [](const std::string&) {});
  ASSERT_TRUE(made) << made.error().message;
  const auto read = load_prepared(recipe);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->data, made->data);
  EXPECT_EQ(read->pad, made->pad);
  EXPECT_EQ(read->eos, made->eos);
  recipe.data.pop_back();
  EXPECT_FALSE(load_prepared(recipe));
}

}  // namespace
}  // namespace kith::train
