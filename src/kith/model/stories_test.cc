// A real checkpoint on real text: stories260K against its known greedy output, and what bf16 and
// int8 cost on it.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "kith/base/file.h"
#include "kith/model/test_model.h"
#include "kith/text/tokenizer.h"

namespace kith::model {
namespace {

using tensor::DType;

// Converted once for all tests of the suite.
class StoriesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    has_data_ = convert_stories(dir_->path());
  }
  static void TearDownTestSuite() {
    delete dir_;
    dir_ = nullptr;
  }
  void SetUp() override {
    if (!has_data_) GTEST_SKIP() << "weights-stories260K or python3 is absent";
  }

  static std::unique_ptr<Decoder> load(DType weights) {
    auto decoder = Decoder::load(dir_->path(), {weights, 1});
    EXPECT_TRUE(decoder) << decoder.error().message;
    return decoder ? *std::move(decoder) : nullptr;
  }

  static std::string golden() {
    return *base::read_file(*find_test_data("weights-stories260K") / "golden_greedy_257.txt");
  }

  static TempDir* dir_;
  static bool has_data_;
};
TempDir* StoriesTest::dir_ = nullptr;
bool StoriesTest::has_data_ = false;

// Token by token, as a server would.
std::vector<text::TokenId> generate(Decoder& decoder, int steps) {
  std::vector<text::TokenId> tokens{1};
  const auto blocks = consecutive_blocks(0, static_cast<std::size_t>(steps));
  nn::KvCache cache = decoder.make_cache(static_cast<int>(blocks.size()));
  std::vector<float> logits;
  for (int i = 0; i < steps; ++i) {
    const Chunk chunk{{&tokens.back(), 1}, i, blocks, nullptr, false};
    const auto status = decoder.forward({&chunk, 1}, cache, logits);
    EXPECT_TRUE(status) << status.error().message;
    tokens.push_back(argmax(logits));
  }
  return tokens;
}

TEST_F(StoriesTest, GreedyTextIsTheKnownText) {
  const auto decoder = load(DType::kF32);
  const auto tokenizer = text::Tokenizer::load(dir_->path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::vector<text::TokenId> tokens = generate(*decoder, 257);
  std::string text = tokenizer->decode(std::span(tokens).subspan(1));
  EXPECT_EQ(text + "\n", golden());
}

}  // namespace
}  // namespace kith::model
