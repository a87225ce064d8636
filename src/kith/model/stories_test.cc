// A real checkpoint on real text: stories260K against its known greedy output, and what bf16 and
// int8 cost on it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kith/base/file.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/model/test_model.h"
#include "kith/text/tokenizer.h"

namespace kith::model {
namespace {

using tensor::DType;
using text::TokenId;

constexpr int kVocab = 512;

// Converted once for all tests of the suite.
class StoriesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new base::TestDirectory;
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

  static base::TestDirectory* dir_;
  static bool has_data_;
};
base::TestDirectory* StoriesTest::dir_ = nullptr;
bool StoriesTest::has_data_ = false;

// Draws from softmax(logits).
TokenId sample(std::span<const float> logits, base::Rng& rng) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit - top));
  double left = rng.uniform() * total;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    left -= std::exp(static_cast<double>(logits[i] - top));
    if (left < 0.0) return static_cast<TokenId>(i);
  }
  return static_cast<TokenId>(logits.size() - 1);
}

// Token by token, as a server would; greedy without `rng`.
std::vector<TokenId> generate(Decoder& decoder, int steps, base::Rng* rng) {
  std::vector<TokenId> tokens{1};
  const auto blocks = consecutive_blocks(0, static_cast<std::size_t>(steps));
  nn::KvCache cache = decoder.make_cache(static_cast<int>(blocks.size()));
  std::vector<float> logits;
  for (int i = 0; i < steps; ++i) {
    const Chunk chunk{{&tokens.back(), 1}, i, blocks, {}, false};
    const auto status = decoder.forward({&chunk, 1}, cache, logits);
    EXPECT_TRUE(status) << status.error().message;
    tokens.push_back(rng != nullptr ? sample(logits, *rng) : argmax(logits));
  }
  return tokens;
}

// How a decoder does on texts, compared with the f32 decoder.
struct Quality {
  double perplexity = 0.0;
  double reference_perplexity = 0.0;
  double same_top = 0.0;
  double largest_difference = 0.0;
};

double negative_log_likelihood(std::span<const float> logits, TokenId target) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double total = 0.0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit - top));
  return std::log(total) - static_cast<double>(logits[static_cast<std::size_t>(target)] - top);
}

Quality compare(Decoder& decoder, Decoder& reference,
                const std::vector<std::vector<TokenId>>& texts) {
  Quality quality;
  double loss = 0.0;
  double reference_loss = 0.0;
  double same = 0.0;
  double count = 0.0;
  for (const auto& tokens : texts) {
    const std::vector<float> logits = whole_logits(decoder, tokens);
    const std::vector<float> expected = whole_logits(reference, tokens);
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto row = std::span(logits).subspan(i * kVocab, kVocab);
      const auto expected_row = std::span(expected).subspan(i * kVocab, kVocab);
      loss += negative_log_likelihood(row, tokens[i + 1]);
      reference_loss += negative_log_likelihood(expected_row, tokens[i + 1]);
      same += argmax(row) == argmax(expected_row) ? 1.0 : 0.0;
      count += 1.0;
      for (std::size_t n = 0; n < kVocab; ++n) {
        quality.largest_difference = std::max(
            quality.largest_difference, static_cast<double>(std::fabs(row[n] - expected_row[n])));
      }
    }
  }
  quality.perplexity = std::exp(loss / count);
  quality.reference_perplexity = std::exp(reference_loss / count);
  quality.same_top = same / count;
  return quality;
}

std::ostream& operator<<(std::ostream& out, const Quality& quality) {
  return out << "perplexity " << quality.perplexity << " against " << quality.reference_perplexity
             << ", same top token " << 100.0 * quality.same_top << " %, largest difference "
             << quality.largest_difference;
}

// Stories of the kind that the model was trained on: the known one, and eight drawn from it.
std::vector<std::vector<TokenId>> stories(Decoder& reference) {
  std::vector<std::vector<TokenId>> texts{generate(reference, 256, nullptr)};
  base::Rng rng(11);
  for (int i = 0; i < 8; ++i) texts.push_back(generate(reference, 256, &rng));
  return texts;
}

TEST_F(StoriesTest, GreedyTextIsTheKnownText) {
  const auto decoder = load(DType::kF32);
  const auto tokenizer = text::Tokenizer::load(dir_->path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::vector<TokenId> tokens = generate(*decoder, 257, nullptr);
  EXPECT_EQ(tokenizer->decode(std::span(tokens).subspan(1)) + "\n", golden());
}

TEST_F(StoriesTest, EncodingTheKnownTextGivesTheGeneratedTokens) {
  const auto decoder = load(DType::kF32);
  const auto tokenizer = text::Tokenizer::load(dir_->path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::string text = golden();
  EXPECT_EQ(tokenizer->encode(std::string_view(text).substr(0, text.size() - 1),
                              {.add_special_tokens = true}),
            generate(*decoder, 257, nullptr));
}

TEST_F(StoriesTest, Bf16StaysCloseToF32) {
  const auto reference = load(DType::kF32);
  const auto decoder = load(DType::kBf16);
  const Quality quality = compare(*decoder, *reference, stories(*reference));
  std::cout << quality << '\n';
  EXPECT_GE(quality.same_top, 0.995) << quality;
  EXPECT_LE(quality.perplexity, 1.002 * quality.reference_perplexity) << quality;
}

TEST_F(StoriesTest, Int8StaysCloseToF32) {
  const auto reference = load(DType::kF32);
  const auto decoder = load(DType::kInt8);
  const Quality quality = compare(*decoder, *reference, stories(*reference));
  std::cout << quality << '\n';
  EXPECT_GE(quality.same_top, 0.97) << quality;
  EXPECT_LE(quality.perplexity, 1.01 * quality.reference_perplexity) << quality;
}

}  // namespace
}  // namespace kith::model
