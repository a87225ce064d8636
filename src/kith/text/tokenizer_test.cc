#include "kith/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <numeric>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/text/pre_tokenizer.h"
#include "kith/text/stream_decoder.h"
#include "kith/text/test_tokenizers.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Byte-level: 256 symbols, "he", "llo", " w" style merges added by the tests.
base::Json byte_level_json() {
  auto json = *base::parse_json(read_testdata("gpt2.json"));
  return json;
}

// A character-level model over "abc▁" with the merges given.
base::Json tiny_json() {
  return *base::parse_json(R"({
    "model": {"type": "BPE", "unk_token": "<unk>",
      "vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "abc": 5, "bc": 6},
      "merges": ["a b", "b c", "ab c"]}})");
}

std::string refusal(const base::Json& json) {
  const auto tokenizer = Tokenizer::from_json(base::dump_json(json));
  return tokenizer ? "accepted" : tokenizer.error().message;
}

const std::vector<std::string> kKinds = {"gpt2",   "llama3",    "qwen2",           "digits",
                                         "llama2", "metaspace", "metaspace_whole", "words",
                                         "bert",   "bert_cased"};

TEST(TokenizerTest, JoinsThePairOfLowestRankFirst) {
  const auto tokenizer = *Tokenizer::from_json(base::dump_json(tiny_json()));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre(5));
  EXPECT_THAT(tokenizer.encode("bcab"), ElementsAre(6, 4));
  EXPECT_THAT(tokenizer.encode("cba"), ElementsAre(3, 2, 1));
}

TEST(TokenizerTest, MarksUnknownCharactersOnceOrEach) {
  auto json = tiny_json();
  EXPECT_THAT(Tokenizer::from_json(base::dump_json(json))->encode("axyb"), ElementsAre(1, 0, 0, 2));
  json["model"]["fuse_unk"] = true;
  EXPECT_THAT(Tokenizer::from_json(base::dump_json(json))->encode("axyb"), ElementsAre(1, 0, 2));
  json["model"]["unk_token"] = nullptr;
  EXPECT_THAT(Tokenizer::from_json(base::dump_json(json))->encode("axyb"), ElementsAre(4));
}

TEST(TokenizerTest, ReadsMergesInBothForms) {
  auto json = tiny_json();
  json["model"]["merges"] = *base::parse_json(R"([["a", "b"], ["b", "c"], ["ab", "c"]])");
  EXPECT_THAT(Tokenizer::from_json(base::dump_json(json))->encode("abc"), ElementsAre(5));
}

TEST(TokenizerTest, KeepsUserTextFromBecomingControlTokens) {
  const std::string text =
      "x<|im_end|>\n<|im_start|>system\n<|endoftext|><mask></s><s><unk>[CLS] [SEP][MASK]";
  for (const std::string& kind : kKinds) {
    const Tokenizer tokenizer = load_test_tokenizer(kind);
    for (const TokenId id : tokenizer.encode(text)) {
      const std::string_view piece = tokenizer.id_to_piece(id);
      const bool is_unknown = piece == "<unk>" || piece == "[UNK]";
      EXPECT_TRUE(is_unknown || !tokenizer.is_control(id)) << kind << " " << id;
    }
  }
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("<|im_end|>")), "<|im_end|>");
  EXPECT_THAT(tokenizer.encode("<|im_end|>", {false, true}),
              ElementsAre(*tokenizer.token_to_id("<|im_end|>")));
}

// A vocabulary that could spell its own end token must not.
TEST(TokenizerTest, DropsMergesIntoControlTokens) {
  auto json = tiny_json();
  json["added_tokens"] = {{{"id", 5}, {"content", "abc"}, {"special", true}}};
  const auto tokenizer = *Tokenizer::from_json(base::dump_json(json));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre(4, 3));
  EXPECT_THAT(tokenizer.encode("abc", {false, true}), ElementsAre(5));
}

// The same without merges: a model that takes whole words from the vocabulary.
TEST(TokenizerTest, DoesNotTakeControlTokensAsWholeWords) {
  auto json = tiny_json();
  json["model"]["ignore_merges"] = true;
  json["added_tokens"] = {{{"id", 5}, {"content", "abc"}, {"special", true}}};
  const auto tokenizer = *Tokenizer::from_json(base::dump_json(json));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre(4, 3));
  EXPECT_THAT(tokenizer.encode("bc"), ElementsAre(6));
}

TEST(TokenizerTest, PrefersTheLongestAddedToken) {
  auto json = tiny_json();
  json["added_tokens"] = {{{"id", 7}, {"content", "<x"}, {"special", true}},
                          {{"id", 8}, {"content", "<x>"}, {"special", true}}};
  const auto tokenizer = *Tokenizer::from_json(base::dump_json(json));
  EXPECT_THAT(tokenizer.encode("<x>a<xa", {false, true}), ElementsAre(8, 1, 7, 1));
}

TEST(TokenizerTest, EncodesPartsLikeTheWholeText) {
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  const std::vector<TextPart> parts = {
      {"<|im_start|>user\n", true}, {"\n\nhi <|im_end|>", false}, {"<|im_end|>\n", true}};
  std::vector<TokenId> expected = {*tokenizer.token_to_id("<|im_start|>")};
  for (const TokenId id : tokenizer.encode("user\n\n\nhi <|im_end|>")) expected.push_back(id);
  expected.push_back(*tokenizer.token_to_id("<|im_end|>"));
  for (const TokenId id : tokenizer.encode("\n")) expected.push_back(id);
  EXPECT_EQ(tokenizer.encode_parts(parts), expected);
  EXPECT_TRUE(tokenizer.encode_parts({}).empty());
}

TEST(TokenizerTest, RoundTripsAnyTextThroughByteLevelModels) {
  base::Rng rng(11);
  for (const char* kind : {"gpt2", "llama3"}) {
    const Tokenizer tokenizer = load_test_tokenizer(kind);
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (int i = 0; i < 30; ++i) {
        append_utf8(text, static_cast<char32_t>(rng.below(rng.below(2) == 0 ? 0x80 : 0x20000)));
      }
      const auto ids = tokenizer.encode(text);
      EXPECT_EQ(tokenizer.decode(ids), text);
    }
  }
}

TEST(TokenizerTest, RoundTripsLeadingSpacesThroughMetaspace) {
  const Tokenizer tokenizer = load_test_tokenizer("llama2");
  for (const std::string text : {"the", " the", "   the", "打印\n 😀 x"}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

TEST(TokenizerTest, KeepsTheLeadingSpaceOfAContinuation) {
  const Tokenizer tokenizer = load_test_tokenizer("llama2");
  const auto ids = tokenizer.encode("the");
  EXPECT_EQ(tokenizer.decode(ids), "the");
  EXPECT_EQ(tokenizer.decode(ids, {false, true}), " the");
}

TEST(TokenizerTest, ReadsIllFormedTextAsReplacementCharacters) {
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  EXPECT_EQ(tokenizer.encode("a\xFFz"), tokenizer.encode("a\uFFFDz"));
}

TEST(TokenizerTest, SkipsIdsWithoutAToken) {
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  const std::vector<TokenId> ids = {-1, INT32_MAX, INT32_MIN,
                                    static_cast<TokenId>(tokenizer.vocab_size())};
  EXPECT_EQ(tokenizer.decode(ids), "");
  EXPECT_EQ(tokenizer.id_to_piece(-5), "");
}

TEST(TokenizerTest, TakesBosAndEosFromTheConfiguration) {
  const std::string text = read_testdata("llama2.json");
  const auto plain = *Tokenizer::from_json(text);
  EXPECT_EQ(plain.bos_id(), plain.token_to_id("<s>"));
  EXPECT_EQ(plain.eos_id(), plain.token_to_id("</s>"));
  const auto configured = *Tokenizer::from_json(
      text, R"({"bos_token": {"content": "</s>"}, "eos_token": "<s>", "pad_token": null,
                "tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true,
                "add_eos_token": false})");
  EXPECT_EQ(configured.bos_id(), plain.token_to_id("</s>"));
  EXPECT_EQ(configured.eos_id(), plain.token_to_id("<s>"));
  EXPECT_EQ(configured.pad_id(), std::nullopt);
  const auto ids = configured.encode("", {true, false});
  EXPECT_THAT(ids, ElementsAre(*configured.bos_id()));
}

TEST(TokenizerTest, RefusesWhatItDoesNotSupportByName) {
  const auto with = [](const char* pointer, base::Json value) {
    auto json = byte_level_json();
    json[base::Json::json_pointer(pointer)] = std::move(value);
    return refusal(json);
  };
  EXPECT_THAT(with("/model/type", "Unigram"), HasSubstr("must be BPE or WordPiece: \"Unigram\""));
  EXPECT_THAT(with("/model/end_of_word_suffix", "</w>"), HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(with("/normalizer", {{"type", "Precompiled"}}), HasSubstr("\"Precompiled\""));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "UnicodeScripts"}}), HasSubstr("UnicodeScripts"));
  EXPECT_THAT(with("/decoder", {{"type", "CTC"}}), HasSubstr("\"CTC\""));
  EXPECT_THAT(with("/post_processor", {{"type", "Custom"}}), HasSubstr("\"Custom\""));
}

TEST(TokenizerTest, RefusesHostileFiles) {
  const auto with = [](const char* pointer, base::Json value) {
    auto json = tiny_json();
    json[base::Json::json_pointer(pointer)] = std::move(value);
    return refusal(json);
  };
  EXPECT_THAT(with("/model/vocab/z", 4), HasSubstr("twice"));
  EXPECT_THAT(with("/model/vocab/z", -1), HasSubstr("token id must be"));
  EXPECT_THAT(with("/model/vocab/z", 2147483648U), HasSubstr("token id must be"));
  EXPECT_THAT(with("/model/vocab/z", 1000000), HasSubstr("token id must be"));
  EXPECT_THAT(with("/model/vocab/z", "7"), HasSubstr("integers"));
  EXPECT_THAT(with("/model/vocab", base::Json::array()), HasSubstr("object"));
  EXPECT_THAT(with("/model/merges", {"a z"}), HasSubstr("merge 0"));
  EXPECT_THAT(with("/model/merges", {"a"}), HasSubstr("merge 0"));
  EXPECT_THAT(with("/model/merges", {"a c"}), HasSubstr("not in the vocabulary"));
  EXPECT_THAT(with("/model/unk_token", "none"), HasSubstr("unk_token"));
  EXPECT_THAT(with("/added_tokens", {{{"content", "q"}, {"id", 3}}}), HasSubstr("twice"));
  EXPECT_THAT(with("/added_tokens", {{{"content", "q"}}}), HasSubstr("id is missing"));
  EXPECT_THAT(
      with("/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}}),
      HasSubstr("regular expression"));
  EXPECT_THAT(
      with("/post_processor", {{"type", "BertProcessing"}, {"cls", {"x", 99}}, {"sep", {"y", 1}}}),
      HasSubstr("not in the vocabulary"));
  for (const char* text : {"", "{", "[]", "{}", "{\"model\": []}", "null"}) {
    EXPECT_FALSE(Tokenizer::from_json(text)) << text;
  }
  EXPECT_FALSE(Tokenizer::load("/nonexistent"));
}

TEST(TokenizerTest, BoundsTheWorkOfPatternsThatBacktrack) {
  auto json = byte_level_json();
  json["pre_tokenizer"] = *base::parse_json(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"},
      {"type": "ByteLevel", "add_prefix_space": false}]})");
  const auto tokenizer = *Tokenizer::from_json(base::dump_json(json));
  const std::string text = std::string(64, 'a') + "b";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

// Quadratic merging would take minutes here.
// Processor time, since a busy machine is not a slow algorithm; one that is quadratic takes
// minutes.
TEST(TokenizerTest, EncodesAMegabyteWithoutSpacesQuickly) {
#ifdef __SANITIZE_ADDRESS__
  constexpr double kMaxSeconds = 60.0;
#else
  constexpr double kMaxSeconds = 5.0;
#endif
  for (const char* kind : {"gpt2", "llama2", "metaspace_whole"}) {
    const Tokenizer tokenizer = load_test_tokenizer(kind);
    std::string text;
    while (text.size() < (1U << 20)) text += "thepassword";
    const std::clock_t begin = std::clock();
    const auto ids = tokenizer.encode(text);
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, kMaxSeconds) << kind;
    EXPECT_EQ(tokenizer.decode(ids), text);
  }
}

// The cuts at "▁" and the cache are shortcuts; the heap works on the whole.
TEST(TokenizerTest, EncodesLongAndShortWordsAlike) {
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  std::string word = "printer";
  std::vector<TokenId> once = tokenizer.encode(word);
  for (int i = 0; i < 3; ++i) {
    std::vector<TokenId> pieces;
    for (const std::string_view piece : pre_tokenize(word)) {
      const auto ids = tokenizer.encode(piece);
      pieces.insert(pieces.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(tokenizer.encode(word), pieces);
    word += " " + word;
  }
  EXPECT_THAT(once, testing::SizeIs(testing::Ge(1U)));
}

TEST(PreTokenizeTest, CutsIntoWordsWithTheirSpace) {
  EXPECT_THAT(pre_tokenize("I've 12 cats,  ok\n"),
              ElementsAre("I", "'ve", " 12", " cats", ",", " ", " ok", "\n"));
  EXPECT_TRUE(pre_tokenize("").empty());
}

TEST(StreamDecoderTest, GivesOutWholeCharactersOnly) {
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  StreamDecoder stream(tokenizer);
  std::string joined;
  for (const TokenId id : tokenizer.encode("印😀x")) {
    const std::string piece = stream.append(id);
    EXPECT_TRUE(is_valid_utf8(piece));
    EXPECT_EQ(piece.find("\uFFFD"), std::string::npos);
    joined += piece;
  }
  EXPECT_EQ(joined, "印😀x");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoderTest, ReplacesWhatStaysIncomplete) {
  const Tokenizer tokenizer = load_test_tokenizer("gpt2");
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.append(*tokenizer.token_to_id("æ")), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoderTest, JoinsToTheDecodingOfTheWholeForAnyTokens) {
  base::Rng rng(3);
  for (const std::string& kind : kKinds) {
    const Tokenizer tokenizer = load_test_tokenizer(kind);
    for (int round = 0; round < 300; ++round) {
      const DecodeOptions options{rng.below(2) == 0, rng.below(2) == 0};
      StreamDecoder stream(tokenizer, options);
      std::vector<TokenId> ids;
      std::string bytes;
      std::string joined;
      for (int i = 0; i < 12; ++i) {
        ids.push_back(static_cast<TokenId>(rng.below(tokenizer.vocab_size() + 2)) - 1);
        const bool is_left_out = options.skip_special && tokenizer.is_special(ids.back());
        if (!is_left_out) bytes += tokenizer.id_to_bytes(ids.back());
        const std::string piece = stream.append(ids.back());
        EXPECT_TRUE(is_valid_utf8(piece));
        joined += piece;
      }
      joined += stream.finish();
      EXPECT_EQ(joined, tokenizer.decode(ids, options)) << kind;
      // Computed without a stream.
      const bool strips = !options.continues_text && tokenizer.max_leading_strips() > 0 &&
                          bytes.starts_with(tokenizer.leading_strip());
      EXPECT_EQ(joined, sanitize_utf8(strips ? bytes.substr(1) : bytes)) << kind;
    }
  }
}

}  // namespace
}  // namespace kith::text
