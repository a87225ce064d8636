// Compares with what the reference library recorded (tools/goldens/make_tokenizer_goldens.py).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/text/stream_decoder.h"
#include "kith/text/tokenizer.h"

namespace kith::text {
namespace {

std::filesystem::path testdata(const std::string& name) {
  const char* root = std::getenv("KITH_SOURCE_DIR");
  return std::filesystem::path(root == nullptr ? "." : root) / "src/kith/text/testdata" / name;
}

class TokenizerGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto text = base::read_file(testdata(std::string(GetParam()) + ".json"));
    ASSERT_TRUE(text) << text.error().message;
    auto tokenizer = Tokenizer::from_json(*text);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_.emplace(*std::move(tokenizer));
    const auto rows = base::read_file(testdata(std::string(GetParam()) + ".golden.json"));
    ASSERT_TRUE(rows);
    auto parsed = base::parse_json(*rows);
    ASSERT_TRUE(parsed) << parsed.error().message;
    rows_ = *std::move(parsed);
    ASSERT_GT(rows_.size(), 50U);
  }

  std::optional<Tokenizer> tokenizer_;
  base::Json rows_;
};

TEST_P(TokenizerGoldenTest, EncodesAndDecodesLikeTheReference) {
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

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerGoldenTest,
                         testing::Values("gpt2", "llama3", "qwen2", "digits", "llama2", "metaspace",
                                         "metaspace_whole", "words"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace kith::text
