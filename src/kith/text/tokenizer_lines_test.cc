// Mixed lines against what the reference library made of them. tools/goldens/compare_tokenizers.py
// wrote them and compares thousands more.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/text/test_gguf.h"
#include "kith/text/test_tokenizers.h"

namespace kith::text {
namespace {

void expect_lines(const Tokenizer& tokenizer, const std::string& kind) {
  const auto rows = base::parse_json(read_testdata("lines.golden.json"));
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_GT(rows->size(), 50U);
  for (const auto& row : *rows) {
    const std::vector<TokenId> expected = row[kind];
    EXPECT_EQ(tokenizer.encode(row["text"].get<std::string>(), {false, true}), expected)
        << row["text"];
  }
}

class TokenizerLinesTest : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerLinesTest, EncodesMixedLinesLikeTheReference) {
  expect_lines(load_test_tokenizer(GetParam()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerLinesTest,
                         testing::Values("llama3", "qwen2", "llama2", "tekken"),
                         [](const auto& kind) { return std::string(kind.param); });

struct Vocabulary {
  const char* kind;
  // The normalizer of its tokenizer.json.
  const char* normalizer;
};

class PublicVocabularyTest : public testing::TestWithParam<Vocabulary> {};

// Tokens written by the vocabulary's users (runs of spaces in GPT-NeoX) are found before merging.
base::Json added_tokens(const std::vector<std::string>& pieces,
                        const std::vector<std::int32_t>& types) {
  constexpr std::int32_t kControl = 3;
  constexpr std::int32_t kUserDefined = 4;
  base::Json added = base::Json::array();
  for (std::size_t i = 0; i < pieces.size() && i < types.size(); ++i) {
    if (types[i] != kControl && types[i] != kUserDefined) continue;
    added.push_back({{"id", i},
                     {"content", pieces[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", types[i] == kUserDefined},
                     {"special", types[i] == kControl}});
  }
  return added;
}

TEST_P(PublicVocabularyTest, EncodesMixedLinesLikeTheReference) {
  const auto [kind, normalizer] = GetParam();
  auto file = base::read_file(
      public_data("tokenizers-gguf/ggml-vocab-" + std::string(kind) + ".gguf").string());
  if (!file) GTEST_SKIP() << "no vocabulary of " << kind << " in the test data";
  GgufReader gguf(*std::move(file));
  const auto pieces = gguf.strings("tokenizer.ggml.tokens");
  base::Json vocab = base::Json::object();
  for (std::size_t i = 0; i < pieces.size(); ++i) vocab[pieces[i]] = i;
  const base::Json json{
      {"added_tokens", added_tokens(pieces, gguf.integers("tokenizer.ggml.token_type"))},
      {"normalizer", *base::parse_json(normalizer)},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model",
       {{"type", "BPE"},
        {"vocab", std::move(vocab)},
        {"merges", gguf.strings("tokenizer.ggml.merges")}}}};
  const auto tokenizer = Tokenizer::from_json(base::dump_json(json));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_lines(*tokenizer, kind);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, PublicVocabularyTest,
                         testing::Values(Vocabulary{"gpt-2", "null"},
                                         Vocabulary{"gpt-neox", R"({"type":"NFC"})"}),
                         [](const auto& test) {
                           return std::string(test.param.kind == std::string("gpt-2") ? "gpt2"
                                                                                      : "gpt_neox");
                         });

}  // namespace
}  // namespace kith::text
