// Compares with what the reference library recorded (tools/goldens/make_tokenizer_goldens.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/text/test_published.h"
#include "kith/text/test_tokenizers.h"
#include "kith/text/tokenizer.h"

namespace kith::text {
namespace {

class TokenizerKindsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    tokenizer_.emplace(load_test_tokenizer(GetParam()));
    auto parsed = base::parse_json(read_testdata(std::string(GetParam()) + ".golden.json"));
    ASSERT_TRUE(parsed) << parsed.error().message;
    rows_ = *std::move(parsed);
    ASSERT_GT(rows_.size(), 50U);
  }

  std::optional<Tokenizer> tokenizer_;
  base::Json rows_;
};

TEST_P(TokenizerKindsTest, EncodesAndDecodesLikeTheReference) {
  for (const auto& row : rows_) {
    const std::string text = row["text"];
    const std::vector<TokenId> ids = row["ids"];
    EXPECT_EQ(tokenizer_->encode(text, {false, true}), ids) << row.dump();
    EXPECT_EQ(tokenizer_->encode(text, {true, true}), row.value("ids_special", ids)) << row.dump();
    EXPECT_EQ(tokenizer_->decode(ids), row.value("decoded", text)) << row.dump();
    EXPECT_EQ(tokenizer_->decode(ids, {true, false}), row.value("decoded_skip", text))
        << row.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerKindsTest,
                         testing::Values("gpt2", "llama3", "qwen2", "digits", "llama2", "metaspace",
                                         "metaspace_whole", "words", "bert", "bert_cased"),
                         [](const auto& kind) { return std::string(kind.param); });

// The pairs of texts and tokens that llama.cpp publishes beside its vocabularies.
struct PublishedPairs {
  std::vector<std::string> texts;
  std::vector<std::vector<TokenId>> ids;
};

// Empty without the files.
PublishedPairs read_pairs(const std::string& name) {
  const auto base_path = public_data("tokenizers-gguf/" + name).string();
  const auto input = base::read_file(base_path + ".inp");
  const auto expected = base::read_file(base_path + ".out");
  PublishedPairs pairs;
  if (!input || !expected) return pairs;
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::istringstream lines(*expected);
  std::string line;
  for (std::size_t at = 0; at <= input->size() && std::getline(lines, line);) {
    const std::size_t end = std::min(input->find(kSeparator, at), input->size());
    pairs.texts.push_back(input->substr(at, end - at));
    std::istringstream numbers(line);
    pairs.ids.emplace_back(std::istream_iterator<TokenId>(numbers),
                           std::istream_iterator<TokenId>());
    at = end + kSeparator.size();
  }
  return pairs;
}

TEST(TokenizerGoldenTest, EncodesThePublishedGpt2Pairs) {
  const auto tokenizer = load_published_tokenizer("gpt-2");
  const PublishedPairs pairs = read_pairs("ggml-vocab-gpt-2.gguf");
  if (!tokenizer || pairs.texts.empty()) GTEST_SKIP() << "no GPT-2 vocabulary in the test data";
  EXPECT_EQ(tokenizer->vocab_size(), 50257U);
  for (std::size_t i = 0; i < pairs.texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(pairs.texts[i]), pairs.ids[i]) << pairs.texts[i];
    EXPECT_EQ(tokenizer->decode(pairs.ids[i]), pairs.texts[i]);
  }
  EXPECT_GT(pairs.texts.size(), 40U);
}

TEST(TokenizerGoldenTest, EncodesThePublishedBertPairs) {
  const auto tokenizer = load_published_tokenizer("bert-bge");
  const PublishedPairs pairs = read_pairs("ggml-vocab-bert-bge.gguf");
  if (!tokenizer || pairs.texts.empty()) GTEST_SKIP() << "no BERT vocabulary in the test data";
  EXPECT_EQ(tokenizer->vocab_size(), 30522U);
  for (std::size_t i = 0; i < pairs.texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(pairs.texts[i]), pairs.ids[i]) << pairs.texts[i];
  }
  EXPECT_GT(pairs.texts.size(), 40U);
}

}  // namespace
}  // namespace kith::text
