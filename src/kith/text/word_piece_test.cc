// WordPiece models, the parts of BERT's tokenizers, and cutting to a length.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/text/test_tokenizers.h"
#include "kith/text/tokenizer.h"

namespace kith::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

base::Json tiny_json() {
  return *base::parse_json(R"({
    "added_tokens": [
      {"id": 0, "content": "[UNK]", "special": true}, {"id": 1, "content": "[CLS]", "special": true},
      {"id": 2, "content": "[SEP]", "special": true}],
    "normalizer": {"type": "BertNormalizer"},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 8,
      "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##aff": 4, "##able": 5, "u": 6,
                "##n": 7, "##a": 8, "打": 9, ".": 10, "a": 11, "##é": 12}},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}},
                 {"SpecialToken": {"id": "[SEP]"}}],
      "special_tokens": {"[CLS]": {"ids": [1]}, "[SEP]": {"ids": [2]}}},
    "decoder": {"type": "WordPiece"}})");
}

Tokenizer load(const base::Json& json) {
  auto tokenizer = Tokenizer::from_json(base::dump_json(json));
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return *std::move(tokenizer);
}

std::string refusal(const base::Json& json) {
  const auto tokenizer = Tokenizer::from_json(base::dump_json(json));
  return tokenizer ? "accepted" : tokenizer.error().message;
}

TEST(WordPieceTest, TakesTheLongestPieceFirst) {
  const Tokenizer tokenizer = load(tiny_json());
  EXPECT_THAT(tokenizer.encode("unaffable"), ElementsAre(0)) << "nine characters are too many";
  EXPECT_THAT(tokenizer.encode("unable una"), ElementsAre(3, 5, 3, 8));
  EXPECT_THAT(tokenizer.encode("un.un"), ElementsAre(3, 10, 3));
}

TEST(WordPieceTest, AWordThatCannotBeCutToItsEndIsOneUnknownToken) {
  const Tokenizer tokenizer = load(tiny_json());
  EXPECT_THAT(tokenizer.encode("unx a"), ElementsAre(0, 11));
  EXPECT_THAT(tokenizer.encode("x"), ElementsAre(0));
}

TEST(WordPieceTest, CountsCharactersNotBytesOfAWord) {
  auto json = tiny_json();
  json["normalizer"] = nullptr;
  const Tokenizer tokenizer = load(json);
  EXPECT_THAT(tokenizer.encode("aéééééé"), ElementsAre(11, 12, 12, 12, 12, 12, 12));
  EXPECT_THAT(tokenizer.encode("aéééééééé"), ElementsAre(0));
}

TEST(WordPieceTest, NormalizesAsBertDoes) {
  const Tokenizer tokenizer = load(tiny_json());
  EXPECT_THAT(tokenizer.encode("UN\u0301A\u0308"), ElementsAre(3, 8)) << "case and accents";
  EXPECT_THAT(tokenizer.encode("打打a"), ElementsAre(9, 9, 11)) << "ideographs stand alone";
  EXPECT_THAT(tokenizer.encode(std::string("u\0n\u200B a\a", 9)), ElementsAre(3, 11));
}

TEST(WordPieceTest, UserTextNeverBecomesAControlTokenWhateverThePreTokenizer) {
  auto json = tiny_json();
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
  const Tokenizer tokenizer = load(json);
  EXPECT_THAT(tokenizer.encode("[CLS] a"), ElementsAre(0, 11));
  EXPECT_THAT(tokenizer.encode("[CLS] a", {false, true}), ElementsAre(1, 11));
}

TEST(WordPieceTest, CutsToALengthAndKeepsTheSpecialTokens) {
  auto json = tiny_json();
  const Tokenizer tokenizer = load(json);
  EXPECT_EQ(tokenizer.num_added_tokens(), 2U);
  EXPECT_THAT(tokenizer.encode("un a .", {true}), ElementsAre(1, 3, 11, 10, 2));
  EXPECT_THAT(tokenizer.encode("un a .", {true, false, 5}), ElementsAre(1, 3, 11, 10, 2));
  EXPECT_THAT(tokenizer.encode("un a .", {true, false, 4}), ElementsAre(1, 3, 11, 2));
  EXPECT_THAT(tokenizer.encode("un a .", {true, false, 1}), ElementsAre(1, 2));
  EXPECT_THAT(tokenizer.encode("un a .", {false, false, 2}), ElementsAre(3, 11));
  json["truncation"] = {{"direction", "Left"}, {"max_length", 128}};
  EXPECT_THAT(load(json).encode("un a .", {true, false, 4}), ElementsAre(1, 11, 10, 2));
}

TEST(WordPieceTest, DecodesToWords) {
  const Tokenizer tokenizer = load(tiny_json());
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{1, 3, 5, 11, 10, 2}, {true}), "unable a.");
}

TEST(WordPieceTest, RefusesWhatItCannotDo) {
  auto json = tiny_json();
  json["model"]["unk_token"] = "[NO]";
  EXPECT_THAT(refusal(json), HasSubstr("unk_token"));
  json = tiny_json();
  json["model"]["max_input_chars_per_word"] = 0;
  EXPECT_THAT(refusal(json), HasSubstr("[1, 1000]"));
  json = tiny_json();
  json["model"]["type"] = "Unigram";
  EXPECT_THAT(refusal(json), HasSubstr("BPE or WordPiece: \"Unigram\""));
  json = tiny_json();
  json["truncation"] = {{"direction", "Up"}};
  EXPECT_THAT(refusal(json), HasSubstr("Left or Right"));
  json = tiny_json();
  json["normalizer"]["strip_accents"] = "yes";
  EXPECT_THAT(refusal(json), HasSubstr("strip_accents"));
}

TEST(WordPieceTest, ReadsTheModelsLengthIfItIsOne) {
  const std::string json = base::dump_json(tiny_json());
  EXPECT_EQ(Tokenizer::from_json(json, R"({"model_max_length": 512})")->model_max_length(), 512U);
  EXPECT_FALSE(Tokenizer::from_json(json, R"({"model_max_length": 1e30})")->model_max_length());
  EXPECT_FALSE(Tokenizer::from_json(json)->model_max_length());
}

}  // namespace
}  // namespace kith::text
