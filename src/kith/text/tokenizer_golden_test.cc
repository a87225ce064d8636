// Compares with what the reference library recorded (tools/goldens/make_tokenizer_goldens.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/text/test_gguf.h"
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
                                         "metaspace_whole", "words"),
                         [](const auto& kind) { return std::string(kind.param); });

std::string gpt2_json(GgufReader& gguf) {
  base::Json vocab = base::Json::object();
  TokenId id = 0;
  for (const std::string& piece : gguf.strings("tokenizer.ggml.tokens")) vocab[piece] = id++;
  return base::dump_json(
      base::Json{{"model",
                  {{"type", "BPE"},
                   {"vocab", std::move(vocab)},
                   {"merges", gguf.strings("tokenizer.ggml.merges")}}},
                 {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                 {"decoder", {{"type", "ByteLevel"}}}});
}

TEST(TokenizerGoldenTest, EncodesThePublishedGpt2Pairs) {
  const auto base_path = public_data("tokenizers-gguf/ggml-vocab-gpt-2.gguf").string();
  auto file = base::read_file(base_path);
  const auto input = base::read_file(base_path + ".inp");
  const auto expected = base::read_file(base_path + ".out");
  if (!file || !input || !expected) GTEST_SKIP() << "no GPT-2 vocabulary in the test data";
  GgufReader gguf(*std::move(file));
  const auto tokenizer = Tokenizer::from_json(gpt2_json(gguf));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocab_size(), 50257U);
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::istringstream lines(*expected);
  std::string line;
  std::size_t at = 0;
  int num_pairs = 0;
  while (at <= input->size() && std::getline(lines, line)) {
    const std::size_t end = std::min(input->find(kSeparator, at), input->size());
    const std::string text = input->substr(at, end - at);
    std::istringstream numbers(line);
    const std::vector<TokenId> ids{std::istream_iterator<TokenId>(numbers), {}};
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    EXPECT_EQ(tokenizer->decode(ids), text);
    at = end + kSeparator.size();
    ++num_pairs;
  }
  EXPECT_GT(num_pairs, 40);
}

}  // namespace
}  // namespace kith::text
