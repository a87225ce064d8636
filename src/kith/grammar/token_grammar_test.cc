#include "kith/grammar/token_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kith/grammar/test_grammar.h"
#include "kith/grammar/test_validator.h"
#include "kith/text/test_tokenizers.h"

namespace kith::grammar {
namespace {

using base::OrderedJson;

// Random schemas of everything that is supported.
class SchemaMaker {
 public:
  explicit SchemaMaker(base::Rng& rng) : rng_(rng) {}

  OrderedJson root() {
    OrderedJson schema = make(3);
    schema["$defs"]["list"] = {
        {"type", "object"},
        {"properties",
         {{"v", make(1)}, {"next", {{"anyOf", {{{"$ref", "#/$defs/list"}}, {{"type", "null"}}}}}}}},
        {"required", {"v", "next"}}};
    return schema;
  }

 private:
  OrderedJson make(int depth) {
    switch (rng_.below(depth > 0 ? 11 : 6)) {
      case 0:
        return string();
      case 1:
        return number();
      case 2:
        return {{"enum", {"red", "green", 3, nullptr, "r\"e\\d", "\xE4\xBD\xA0"}}};
      case 3:
        return {{"type", {"boolean", "null"}}};
      case 4:
        return {{"type", "string"},
                {"pattern", pick({"^[a-z]{2,4}$", "\\d", "^(ab|c)*d?$", "^[^x]+$"})}};
      case 5:
        return {{"const", pick({"x", "y z", "\n"})}};
      case 6:
        return {{"anyOf", {make(depth - 1), make(depth - 1)}}};
      case 7:
        return {{"$ref", "#/$defs/list"}};
      case 8:
        return array(depth);
      default:
        return object(depth);
    }
  }

  const char* pick(std::vector<const char*> texts) { return texts[rng_.below(texts.size())]; }

  OrderedJson string() {
    OrderedJson schema = {{"type", "string"}};
    if (rng_.below(2) == 0) schema["minLength"] = rng_.below(4);
    if (rng_.below(2) == 0) schema["maxLength"] = 3 + rng_.below(9);
    return schema;
  }

  OrderedJson pick_multiple() {
    constexpr std::array<double, 6> kMultiples{0.25, 0.5, 3, 7, 10, 360};
    return kMultiples[rng_.below(kMultiples.size())];
  }

  OrderedJson number() {
    OrderedJson schema = {{"type", pick({"integer", "number"})}};
    if (rng_.below(4) == 0) {
      schema["multipleOf"] = pick_multiple();
    } else if (rng_.below(2) == 0) {
      schema["minimum"] = static_cast<int>(rng_.below(100)) - 50;
    }
    if (rng_.below(2) == 0)
      schema["exclusiveMaximum"] = 51.5 + static_cast<double>(rng_.below(1000));
    return schema;
  }

  OrderedJson array(int depth) {
    OrderedJson schema = {{"type", "array"}, {"items", make(depth - 1)}};
    const auto least = rng_.below(3);
    if (rng_.below(2) == 0) schema["minItems"] = least;
    if (rng_.below(2) == 0) schema["maxItems"] = least + rng_.below(3);
    if (rng_.below(3) == 0) schema["prefixItems"] = {make(depth - 1), make(depth - 1)};
    return schema;
  }

  OrderedJson object(int depth) {
    OrderedJson schema = {{"type", "object"}, {"properties", OrderedJson::object()}};
    OrderedJson required = OrderedJson::array();
    for (auto left = rng_.below(5); left > 0; --left) {
      const std::string name = pick({"name", "nam", "a", "\xC3\xA9t\xC3\xA9", "q\"uote", "b"});
      schema["properties"][name] = make(depth - 1);
      if (rng_.below(2) == 0) required.push_back(name);
    }
    schema["required"] = required;
    if (rng_.below(2) == 0) schema["additionalProperties"] = false;
    if (rng_.below(4) == 0) schema["additionalProperties"] = make(depth - 1);
    return schema;
  }

  base::Rng& rng_;
};

TEST(TokenGrammarTest, WhateverIsSampledUnderARandomSchemaIsValid) {
  const auto vocabulary = make_vocabulary(json_pieces());
  base::Rng rng(7);
  int num_whole = 0;
  int num_grammars = 0;
  for (int round = 0; round < 250; ++round) {
    const OrderedJson schema = SchemaMaker(rng).root();
    const std::string text = base::dump_json(schema);
    const auto grammar = make_grammar(text, vocabulary);
    if (!grammar) {
      // An object may require names that it forbids, or values that it excludes.
      EXPECT_THAT(grammar.error().message, testing::AnyOf(testing::HasSubstr("no text"),
                                                          testing::HasSubstr("required names")))
          << text;
      continue;
    }
    ++num_grammars;
    const TestValidator validator(schema);
    for (int run = 0; run < 6; ++run) {
      const auto pick = run % 2 == 0 ? pick_any(rng) : pick_worst(rng, *vocabulary);
      const int budget = 20 + static_cast<int>(rng.below(300));
      const Written written = write(*grammar, budget, pick);
      if ((*grammar)->shortest() <= budget) {
        EXPECT_TRUE(written.is_whole) << budget << " " << text << "\n" << written.text;
      }
      if (!written.is_whole) continue;
      ++num_whole;
      EXPECT_TRUE(validator.accepts(written.text)) << text << "\n" << written.text;
    }
  }
  EXPECT_GT(num_grammars, 200);
  EXPECT_GT(num_whole, 1000);
}

TEST(TokenGrammarTest, MasksAreWhatTryingEveryTokenGives) {
  const auto vocabulary = make_vocabulary(json_pieces());
  base::Rng rng(11);
  for (int round = 0; round < 40; ++round) {
    const auto grammar = make_grammar(base::dump_json(SchemaMaker(rng).root()), vocabulary);
    if (!grammar) continue;
    const Written written = write(*grammar, 40, pick_any(rng));
    for (std::size_t length = 0; length <= written.tokens.size(); length += 1 + rng.below(5)) {
      const auto replay = [&] {
        auto matcher = std::make_unique<Matcher>(*grammar);
        for (std::size_t i = 0; i < length; ++i) {
          EXPECT_TRUE(matcher->advance(written.tokens[i]));
        }
        return matcher;
      };
      const auto choice = replay()->choose(1 << 20);
      ASSERT_TRUE(choice);
      for (text::TokenId token = 0; token < static_cast<text::TokenId>(vocabulary->num_tokens());
           ++token) {
        const bool expected =
            token == kTestEnd ? replay()->accepts() : replay()->advance(token).has_value();
        EXPECT_EQ(choice->allowed->tokens.allows(token), expected) << token;
      }
    }
  }
}

TEST(TokenGrammarTest, EndsTextsWithinTheirBudget) {
  const auto vocabulary = make_vocabulary(json_pieces());
  const auto grammar = make_grammar(
      R"({"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}},
          "required":["name","tags"]})",
      vocabulary);
  ASSERT_TRUE(grammar);
  base::Rng rng(3);
  const auto shortest = static_cast<int>((*grammar)->shortest());
  // {"name": "" , "tags": [] } and what stands between, mostly a token each.
  EXPECT_LE(shortest, 16);
  int num_steered = 0;
  for (int budget = shortest; budget < shortest + 40; ++budget) {
    const Written written = write(*grammar, budget, pick_worst(rng, *vocabulary));
    EXPECT_TRUE(written.is_whole) << budget << written.text;
    num_steered += written.was_steered ? 1 : 0;
    EXPECT_LE(static_cast<int>(written.tokens.size()), budget);
  }
  EXPECT_GT(num_steered, 20);
  // With less, it is cut.
  EXPECT_FALSE(write(*grammar, shortest / 2, pick_any(rng)).is_whole);
}

TEST(TokenGrammarTest, SpacesAndNestingEnd) {
  const auto vocabulary = make_vocabulary(json_pieces());
  const auto grammar = TokenGrammar::create(any_json_object(), vocabulary);
  ASSERT_TRUE(grammar);
  base::Rng rng(5);
  const Written written = write(*grammar, 3000, pick_worst(rng, *vocabulary));
  EXPECT_TRUE(written.is_whole);
  EXPECT_TRUE(base::parse_json(written.text)) << written.text;
}

TEST(TokenGrammarTest, NeverAllowsControlTokensNorEndsEarly) {
  const auto grammar = make_grammar(R"({"type":"string"})", make_vocabulary());
  ASSERT_TRUE(grammar);
  Matcher matcher(*grammar);
  const auto first = matcher.choose(100);
  EXPECT_EQ(first->allowed->tokens.size(), 1U);
  ASSERT_TRUE(matcher.advance('"'));
  const auto inside = matcher.choose(100);
  EXPECT_FALSE(inside->allowed->tokens.allows(kTestEnd));
  EXPECT_FALSE(inside->allowed->tokens.allows(257));
  EXPECT_FALSE(matcher.advance(257));
  EXPECT_FALSE(matcher.advance(-1));
}

TEST(TokenGrammarTest, WorksOnEveryKindOfVocabulary) {
  base::Rng rng(1);
  for (const char* kind : {"gpt2", "llama2", "llama3", "qwen2"}) {
    const auto tokenizer = text::load_test_tokenizer(kind);
    const auto vocabulary =
        std::make_shared<TokenVocabulary>(tokenizer, std::vector<text::TokenId>{});
    const auto grammar = make_grammar(
        R"({"type":"object","properties":{"a":{"type":"string"},"b":{"enum":["é","你好"]}},"required":["a","b"]})",
        vocabulary);
    ASSERT_TRUE(grammar) << kind << grammar.error().message;
    for (int run = 0; run < 20; ++run) {
      const Written written = write(*grammar, 80, pick_any(rng));
      ASSERT_TRUE(written.is_whole) << kind << written.text;
      // What the tokens say is what the text stream of an answer says.
      EXPECT_EQ(tokenizer.decode(written.tokens, {.skip_special = true, .continues_text = true}),
                written.text);
      EXPECT_TRUE(base::parse_json(written.text)) << written.text;
    }
  }
}

TEST(TokenGrammarTest, RefusesAVocabularyThatCannotWriteAscii) {
  const auto tokenizer = text::Tokenizer::from_json(
      R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"decoder":null})");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto grammar = make_grammar(
      "true", std::make_shared<TokenVocabulary>(*tokenizer, std::vector<text::TokenId>{}));
  ASSERT_FALSE(grammar);
  EXPECT_THAT(grammar.error().message, testing::HasSubstr("ASCII"));
}

TEST(TokenGrammarTest, StopsAtAmbiguityThatDoublesWithEveryLevel) {
  const auto grammar = make_grammar(
      R"({"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"},"minItems":1},
          {"type":"array","items":{"$ref":"#"},"minItems":2}]})",
      make_vocabulary());
  ASSERT_TRUE(grammar);
  Matcher matcher(*grammar);
  std::string message;
  for (int i = 0; i < 100 && message.empty(); ++i) {
    if (const auto choice = matcher.choose(1000); !choice) message = choice.error().message;
    if (const auto status = matcher.advance('['); message.empty() && !status) {
      message = status.error().message;
    }
  }
  EXPECT_THAT(message, testing::HasSubstr("ambiguous"));
}

TEST(TokenMaskTest, RunsAreTheTokensInOrder) {
  // Few tokens are held as a list, many as bits: both, with runs across and at the ends of words.
  for (const int step : {1, 2, 97}) {
    std::vector<std::uint64_t> bits(5);
    std::vector<text::TokenId> expected;
    for (int token = 3; token < 320; token += step) {
      if (token >= 120 && token < 131) continue;
      set_bit(bits, token);
      expected.push_back(token);
    }
    const TokenMask mask(bits);
    std::vector<text::TokenId> tokens;
    mask.for_each_run([&tokens](text::TokenId first, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        tokens.push_back(first + static_cast<text::TokenId>(i));
      }
    });
    EXPECT_EQ(tokens, expected);
    tokens.clear();
    mask.for_each([&tokens](text::TokenId token) { tokens.push_back(token); });
    EXPECT_EQ(tokens, expected);
    EXPECT_EQ(mask.size(), expected.size());
  }
}

}  // namespace
}  // namespace kith::grammar
