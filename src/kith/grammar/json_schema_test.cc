#include "kith/grammar/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "kith/grammar/number_range.h"
#include "kith/grammar/test_grammar.h"
#include "kith/grammar/test_validator.h"

namespace kith::grammar {
namespace {

using testing::HasSubstr;

// Which of the texts a schema takes; the rest must be refused.
void expect_texts(const std::string& schema, const std::vector<std::string>& taken,
                  const std::vector<std::string>& refused) {
  const auto grammar = make_grammar(schema, make_vocabulary());
  ASSERT_TRUE(grammar) << schema << ": " << grammar.error().message;
  for (const std::string& text : taken)
    EXPECT_TRUE(accepts(*grammar, text)) << schema << " " << text;
  for (const std::string& text : refused) {
    EXPECT_FALSE(accepts(*grammar, text)) << schema << " " << text;
  }
}

std::string refusal_of(const std::string& schema) {
  const auto grammar = make_grammar(schema, make_vocabulary());
  return grammar ? "accepted" : grammar.error().message;
}

TEST(JsonSchemaTest, WritesObjectsInTheOrderOfTheirProperties) {
  expect_texts(
      R"({"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"}},
          "required":["z","a"],"additionalProperties":false})",
      {R"({"z":1,"a":"x"})", R"({"z": 1, "a": "x"})", "{\n  \"z\": 1,\n  \"a\": \"\"\n}"},
      {R"({"a":"x","z":1})", R"({"z":1})", R"({"z":1,"a":"x","b":1})", "{}", R"({"z":1,"a":"x"},)",
       R"( {"z":1,"a":"x"})", R"({"z":1,"a":"x"} )", R"({"z"  :1,"a":"x"})", R"({"z":1.0,"a":"x"})",
       R"({"z":01,"a":"x"})", R"({"z":1,"a":"x"}{)"});
}

TEST(JsonSchemaTest, LeavesOptionalPropertiesOut) {
  expect_texts(
      R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},
                   "required":["b"]})",
      {R"({"b":2})", R"({"a":1,"b":2})", R"({"b":2,"c":3})", R"({"a":1,"b":2,"c":3})"},
      {"{}", R"({"a":1})", R"({"c":3,"b":2})", R"({"b":2,})", R"({,"b":2})", R"({"b":2,"b":2})"});
  expect_texts(R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2}}})",
               {"{}", "{ }", R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})"},
               {"{\"a\":1,}", R"({"x":1})"});
}

TEST(JsonSchemaTest, WritesOtherPropertiesOnlyWhereTheSchemaSaysSo) {
  const std::string properties = R"({"type":"object","properties":{"ab":{"const":1}})";
  expect_texts(properties + R"(,"additionalProperties":{"type":"boolean"}})",
               {"{}", R"({"ab":1})", R"({"ab":1,"x":true})", R"({"a":true,"abc":false,"é":true})",
                R"({"":true})"},
               {R"({"ab":true})", R"({"x":1})", R"({"x":true,"ab":1})", R"({"x":true,"ab":true})",
                R"({"\u0061b":true})"});
  expect_texts(R"({"type":"object","additionalProperties":{"type":"integer"}})",
               {"{}", R"({"x":1,"y":-2})"}, {R"({"x":"1"})"});
  expect_texts(R"({"type":"object"})", {"{}", R"({"x":[1,{"y":null}]})"}, {"[]", "1"});
  expect_texts(R"({"type":"object","required":["k"]})", {R"({"k":[]})"}, {"{}"});
}

TEST(JsonSchemaTest, WritesStringsAsJsonDoes) {
  expect_texts(R"({"type":"string"})",
               {R"("")", R"("a b")", R"("\"\\\/\b\f\n\r\t")", R"("\u00e9")", R"("\ud83d\ude00")",
                "\"\xF0\x9F\x98\x80\xE4\xBD\xA0\"", R"("\u0010")", "\"\x7F\""},
               {"\"\n\"", R"("\x")", R"("\u12")", R"("\ud83d")", R"("\ude00")", R"("\ud83dx")",
                R"("\u0000")", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\"",
                "\"\xFF\"", "\"\xE4\xBD\"", "\"", "a"});
  expect_texts(R"({"type":"string","minLength":2,"maxLength":3})",
               {R"("ab")", R"("abc")", R"("é你")", R"("\n\ud83d\ude00a")"},
               {R"("a")", R"("abcd")", R"("é你\u0061x")"});
  expect_texts(R"({"minLength":1})", {R"("a")"}, {R"("")", "1"});
}

TEST(JsonSchemaTest, HoldsPatternAndLengthAtOnce) {
  expect_texts(R"({"type":"string","pattern":"^[a-c]+$","maxLength":3})", {R"("a")", R"("abc")"},
               {R"("")", R"("abca")", R"("d")"});
  expect_texts(R"({"type":"string","pattern":"^a*$","minLength":2})", {R"("aa")", R"("aaaaa")"},
               {R"("a")", R"("")"});
  expect_texts(R"({"type":"string","pattern":"b"})", {R"("b")", R"("abc")", R"("\nb")", R"("你b")"},
               {R"("ac")", R"("")"});
  expect_texts(R"({"type":"string","pattern":"^(?:\\d{2,3}|x?)-[^\\s\"-]\\.$"})",
               {R"("12-a.")", R"("-你.")", R"("x-\\.")"},
               {R"("1-a.")", R"("12- .")", R"("12-\".")"});
  expect_texts(R"({"type":"string","pattern":"^\"\\\\\\n$"})", {R"("\"\\\n")"},
               {R"("\u0022\\\n")"});
  expect_texts(R"({"type":"string","pattern":"^[\u4e00-\u9fff]{1,2}$"})", {R"("你好")"},
               {R"("ab")", R"("")"});
}

TEST(JsonSchemaTest, RefusesPatternsOutsideTheSubsetByName) {
  const auto with = [](const std::string& pattern) {
    return refusal_of(R"({"type":"string","pattern":")" + pattern + "\"}");
  };
  EXPECT_THAT(with("a(?=b)"), HasSubstr("assertion"));
  EXPECT_THAT(with("(?<x>a)"), HasSubstr("assertion, a named group"));
  EXPECT_THAT(with("(a)\\\\1"), HasSubstr("\\1"));
  EXPECT_THAT(with("\\\\bx"), HasSubstr("\\b"));
  EXPECT_THAT(with("\\\\p{L}"), HasSubstr("\\p"));
  EXPECT_THAT(with("a^b"), HasSubstr("anchor"));
  EXPECT_THAT(with("(a"), HasSubstr("unmatched"));
  EXPECT_THAT(with("a{5,2}"), HasSubstr("m < n"));
  EXPECT_THAT(with("a{9999}"), HasSubstr("[0, 1000]"));
  EXPECT_THAT(with("*"), HasSubstr("quantifier"));
  EXPECT_THAT(with("[b-a]"), HasSubstr("range"));
  EXPECT_THAT(with("((((a{1000}){1000}){1000}){1000}){1000}"), HasSubstr("too large"));
  EXPECT_THAT(with("(((((){1000}){1000}){1000}){1000}){1000}"), HasSubstr("too large"));
}

TEST(JsonSchemaTest, WritesNumbersWithinTheirBounds) {
  expect_texts(R"({"type":"integer"})", {"0", "-7", "123456789012345678"},
               {"-0", "00", "1.0", "1e3", "1234567890123456789", "-", "+1"});
  expect_texts(R"({"type":"number"})", {"0", "-0.5", "1e9", "2.5E-07", "10.25"},
               {".5", "1.", "1e999", "0x1", "NaN", "-"});
  expect_texts(R"({"type":"integer","minimum":-12,"maximum":105})",
               {"-12", "-1", "0", "9", "99", "105"},
               {"-13", "-20", "-100", "106", "110", "200", "-0"});
  expect_texts(R"({"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10})", {"1", "9"},
               {"0", "10", "-1"});
  expect_texts(R"({"type":"integer","minimum":1.5})", {"2", "10", "999999"}, {"1", "0", "-3"});
  expect_texts(R"({"type":"number","minimum":0,"maximum":1})", {"0", "0.0", "0.999", "1", "1.0"},
               {"1.1", "-0.1", "1.01", "2", "1e0"});
  expect_texts(R"({"type":"number","exclusiveMinimum":-0.25,"exclusiveMaximum":1e-2})",
               {"-0.2", "-0.249", "0", "0.009", "0.00999"},
               {"-0.25", "-0.250", "0.01", "0.010", "1"});
  expect_texts(R"({"type":"number","minimum":-5,"maximum":-2.5})", {"-5", "-2.5", "-3.75", "-2.50"},
               {"-5.1", "-2.4", "0", "3"});
  EXPECT_THAT(refusal_of(R"({"type":"integer","minimum":3,"maximum":2})"), HasSubstr("no text"));
}

TEST(JsonSchemaTest, WritesMultiples) {
  expect_texts(R"({"type":"integer","multipleOf":3})",
               {"0", "3", "-9", "12", "999999999999999999", "100000000000000002"},
               {"1", "-10", "11", "1000000000000000002", "3.0", "-0"});
  expect_texts(R"({"type":"number","multipleOf":0.01})",
               {"0", "0.07", "0.1", "0.10", "12.34", "-0.01"},
               {"0.001", "0.100", "1e2", "-0", "-0.00"});
  expect_texts(R"({"type":"number","multipleOf":1000,"minimum":-1500})",
               {"-1000", "0", "7000", "123456789012345000"}, {"-2000", "500", "7000.0", "7001"});
  // What is an integer and a multiple of 0.75 is one of 3.
  expect_texts(R"({"type":"integer","multipleOf":0.75})", {"0", "3", "-300"}, {"1", "2", "0.75"});
  expect_texts(R"({"type":"integer","multipleOf":86400,"exclusiveMinimum":0})",
               {"86400", "864000", "172800"}, {"0", "86401", "43200"});
  expect_texts(R"({"multipleOf":7,"maximum":20})", {"14", "-7"}, {"21", "\"x\"", "1"});
  EXPECT_THAT(refusal_of(R"({"type":"integer","multipleOf":10,"minimum":1,"maximum":9})"),
              HasSubstr("no text"));
}

TEST(JsonSchemaTest, RefusesMultiplesThatDoNotFit) {
  const auto refusal = [](const std::string& multiple) {
    return refusal_of(R"({"properties":{"n":{"type":"integer",)" + multiple + "}}}");
  };
  EXPECT_THAT(refusal(R"("multipleOf":"3")"), HasSubstr("must be a number"));
  EXPECT_THAT(refusal(R"("multipleOf":0)"), HasSubstr("above 0"));
  EXPECT_THAT(refusal(R"("multipleOf":-2)"), HasSubstr("above 0"));
  EXPECT_THAT(refusal(R"("multipleOf":1e12)"), HasSubstr("9 digits"));
  EXPECT_THAT(refusal(R"("multipleOf":1e99)"), HasSubstr("multipleOf"));
  EXPECT_THAT(refusal(R"("multipleOf":7919)"),
              testing::AllOf(HasSubstr("#/properties/n"), HasSubstr("remainders")));
  EXPECT_EQ(refusal(R"("multipleOf":7919,"minimum":0,"maximum":99999)"), "accepted");
  for (int multiple = 1; multiple <= 1000; ++multiple) {
    const NumberRange range{.is_integer = true,
                            .multiple = Multiple{.units = static_cast<std::uint64_t>(multiple)}};
    EXPECT_LE(range.num_remainders(), kMaxRemainders) << multiple;
  }
}

// Every number of a window, against arithmetic in thousandths.
TEST(JsonSchemaTest, MultiplesAgreeWithArithmetic) {
  struct Case {
    const char* multiple;
    int thousandths;
  };
  constexpr std::array kCases{Case{"1", 1000},   Case{"2", 2000},     Case{"7", 7000},
                              Case{"12", 12000}, Case{"64", 64000},   Case{"97", 97000},
                              Case{"0.5", 500},  Case{"0.125", 125},  Case{"0.3", 300},
                              Case{"1.5", 1500}, Case{"2.5e1", 25000}};
  const auto vocabulary = make_vocabulary();
  for (const Case& multiple : kCases) {
    for (const bool is_bounded : {false, true}) {
      const std::string schema =
          R"({"type":"number","multipleOf":)" + std::string(multiple.multiple) +
          (is_bounded ? R"(,"exclusiveMinimum":-60.5,"maximum":99.5})" : "}");
      const auto grammar = make_grammar(schema, vocabulary);
      ASSERT_TRUE(grammar) << schema << grammar.error().message;
      for (int n = -130'000; n <= 130'000; n += 125) {
        std::string text = std::to_string(std::abs(n) % 1000 + 1000).substr(1);
        text.erase(text.find_last_not_of('0') + 1);
        text = (n < 0 ? "-" : "") + std::to_string(std::abs(n) / 1000) +
               (text.empty() ? "" : "." + text);
        const bool is_within = !is_bounded || (n > -60'500 && n <= 99'500);
        EXPECT_EQ(accepts(*grammar, text), is_within && n % multiple.thousandths == 0)
            << schema << " " << text;
      }
    }
  }
}

TEST(JsonSchemaTest, CountsItemsAndReadsTuples) {
  const std::string items = R"({"type":"array","items":{"type":"integer"})";
  expect_texts(items + "}", {"[]", "[ ]", "[1]", "[1, 2,\n 3]"}, {"[1,]", "[,1]", "[\"a\"]", "[1"});
  expect_texts(items + R"(,"minItems":2,"maxItems":3})", {"[1,2]", "[1,2,3]"},
               {"[]", "[1]", "[1,2,3,4]"});
  expect_texts(items + R"(,"maxItems":0})", {"[]"}, {"[1]"});
  expect_texts(R"({"type":"array","prefixItems":[{"const":1},{"const":"x"}],"items":false})",
               {"[]", "[1]", R"([1,"x"])"}, {R"(["x"])", R"([1,"x",2])"});
  expect_texts(
      R"({"type":"array","prefixItems":[{"const":1}],"items":{"const":2},"minItems":2,"maxItems":3})",
      {"[1,2]", "[1,2,2]"}, {"[1]", "[2,2]", "[1,2,2,2]"});
}

TEST(JsonSchemaTest, WritesConstantsInOneSpelling) {
  expect_texts(R"({"enum":["a","ab","é\n",1,1.5,null,{"k":[true]}]})",
               {R"("a")", R"("ab")", R"("é\n")", "1", "1.5", "null", R"({"k":[true]})"},
               {R"("b")", R"("abc")", "1.0", "nul", R"({"k":[false]})"});
  expect_texts(R"({"type":"string","enum":["a",2,"b"]})", {R"("a")", R"("b")"}, {"2"});
  expect_texts(R"({"const":-3})", {"-3"}, {"3"});
  expect_texts(R"({"type":["integer","null"]})", {"1", "null"}, {"1.5", "\"\""});
  expect_texts(R"({"type":"boolean","nullable":true})", {"true", "null"}, {"0"});
}

TEST(JsonSchemaTest, FollowsReferencesAlsoToItself) {
  const std::string tree = R"({"$defs":{"node":{"type":"object","properties":{
      "v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},
      "required":["v","next"],"additionalProperties":false}},"$ref":"#/$defs/node"})";
  expect_texts(tree, {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
               {R"({"v":1})", R"({"v":1,"next":{}})"});
  expect_texts(R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect_texts(R"({"definitions":{"a/b":{"const":1}},"$ref":"#/definitions/a~1b"})", {"1"}, {"2"});
  EXPECT_THAT(refusal_of(R"({"$ref":"#"})"), HasSubstr("itself"));
  EXPECT_THAT(refusal_of(R"({"anyOf":[{"$ref":"#"},{"type":"string"}]})"), HasSubstr("itself"));
  EXPECT_THAT(refusal_of(R"({"$ref":"#/$defs/x"})"), HasSubstr("nowhere"));
  EXPECT_THAT(refusal_of(R"({"$ref":"http://x/y"})"), HasSubstr("$ref"));
  EXPECT_THAT(refusal_of(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"),
              HasSubstr("no text"));
}

TEST(JsonSchemaTest, JoinsPartsAndTellsAlternativesApart) {
  expect_texts(R"({"$defs":{"b":{"type":"object","properties":{"x":{"const":1}},"required":["x"]}},
                   "allOf":[{"$ref":"#/$defs/b"}],"properties":{"y":{"const":2}},"required":["y"]})",
               {R"({"y":2,"x":1})"}, {R"({"x":1})", R"({"y":2})"});
  expect_texts(R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"5", R"("a")"},
               {R"("ab")", "null"});
  const std::string cat =
      R"({"type":"object","properties":{"t":{"const":"cat"},"n":{"type":"integer"}},"required":["t","n"]})";
  const std::string dog =
      R"({"type":"object","properties":{"t":{"const":"dog"}},"required":["t"]})";
  expect_texts(R"({"oneOf":[)" + cat + "," + dog + "]}", {R"({"t":"cat","n":1})", R"({"t":"dog"})"},
               {R"({"t":"cat"})", R"({"t":"cow"})"});
  EXPECT_THAT(refusal_of(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})"),
              HasSubstr("anyOf"));
  EXPECT_THAT(refusal_of(R"({"allOf":[{"maxLength":1},{"maxLength":2}]})"), HasSubstr("maxLength"));
}

TEST(JsonSchemaTest, NamesWhatItDoesNotSupportWithItsPlace) {
  const auto keyword = [](const std::string& name, const std::string& value) {
    return refusal_of(R"({"type":"object","properties":{"p":{")" + name + "\":" + value + "}}}");
  };
  for (const char* name : {"not", "if", "patternProperties", "propertyNames", "contains",
                           "dependentRequired", "unevaluatedProperties", "minProperties"}) {
    EXPECT_THAT(keyword(name, "{}"), testing::AllOf(HasSubstr(name), HasSubstr("#/properties/p")));
  }
  EXPECT_THAT(keyword("uniqueItems", "true"), HasSubstr("uniqueItems"));
  EXPECT_THAT(keyword("format", "\"regex\""), HasSubstr("date-time"));
  EXPECT_THAT(keyword("type", "\"text\""), HasSubstr("type must be"));
  EXPECT_THAT(keyword("minLength", "-1"), HasSubstr("minLength"));
  EXPECT_THAT(keyword("enum", "[]"), HasSubstr("enum"));
  EXPECT_THAT(refusal_of("[]"), HasSubstr("object or a boolean"));
  EXPECT_THAT(refusal_of("false"), HasSubstr("no text"));
  EXPECT_THAT(refusal_of(R"({"type":"string","minLength":3,"maxLength":2})"), HasSubstr("no text"));
}

TEST(JsonSchemaTest, BoundsWhatAHostileSchemaCosts) {
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += R"({"items":)";
  EXPECT_NE(refusal_of(deep + "true" + std::string(300, '}')), "accepted");
  EXPECT_THAT(refusal_of("{\"title\":\"" + std::string(kMaxSchemaBytes, 'x') + "\"}"),
              HasSubstr("128 KiB"));
  std::string wide = R"({"properties":{)";
  for (int i = 0; i < 3000; ++i) wide += "\"" + std::to_string(i) + "\":true,";
  EXPECT_THAT(refusal_of(wide + "\"x\":true}}"), HasSubstr("2000"));
  std::string doubling = R"({"$defs":{"d0":{"type":"string"})";
  for (int i = 1; i < 40; ++i) {
    const std::string ref = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + "\"}";
    doubling += ",\"d" + std::to_string(i) + R"(":{"allOf":[)" + ref + "," + ref + "]}";
  }
  EXPECT_THAT(refusal_of(doubling + R"(},"allOf":[{"$ref":"#/$defs/d39"}]})"), HasSubstr("allOf"));
  std::string large = R"({"enum":[)";
  for (int i = 0; i < 1999; ++i)
    large += "\"" + std::to_string(i * 7919) + std::string(40, 'x') + "\",";
  EXPECT_THAT(refusal_of(large + "0]}"), HasSubstr("too large"));
}

TEST(JsonSchemaTest, WritesFormats) {
  const auto format = [](const std::string& name) {
    return R"({"type":"string","format":")" + name + "\"}";
  };
  expect_texts(format("date"), {R"("2024-02-29")", R"("2000-02-29")", R"("1999-12-31")"},
               {R"("2023-02-29")", R"("1900-02-29")", R"("2024-04-31")", R"("2024-13-01")"});
  expect_texts(format("date-time"),
               {R"("2024-01-01T00:00:00Z")", R"("2024-01-01T23:59:59.5+01:00")"},
               {R"("2024-01-01 00:00:00Z")", R"("2024-01-01T24:00:00Z")"});
  expect_texts(format("duration"), {R"("P1Y2M3DT4H")", R"("PT5M")", R"("P2W")"},
               {R"("P")", R"("PT")"});
  expect_texts(format("uuid"), {R"("123e4567-e89b-12d3-a456-426614174000")"}, {R"("123e4567")"});
  expect_texts(format("email"), {R"("a.b@example.org")"}, {R"("a@b")", R"("@example.org")"});
  expect_texts(format("ipv4"), {R"("192.168.0.255")"}, {R"("256.1.1.1")", R"("01.1.1.1")"});
  expect_texts(format("uri"), {R"("https://example.org/a?b=c")"}, {R"("example")"});
}

TEST(JsonSchemaTest, WritesAnyObjectAndChoices) {
  const auto object = TokenGrammar::create(any_json_object(), make_vocabulary());
  ASSERT_TRUE(object);
  EXPECT_TRUE(accepts(*object, R"({"a":[1,{"b":null}],"c":"x"})"));
  EXPECT_FALSE(accepts(*object, "[1]"));
  auto automaton = compile_choice({"yes", "yes, but", "no"});
  ASSERT_TRUE(automaton);
  const auto choice = TokenGrammar::create(*std::move(automaton), make_vocabulary());
  EXPECT_TRUE(accepts(*choice, "yes"));
  EXPECT_TRUE(accepts(*choice, "yes, but"));
  EXPECT_FALSE(accepts(*choice, "yes,"));
  EXPECT_FALSE(compile_choice({}));
  EXPECT_FALSE(compile_choice({"a", ""}));
}

}  // namespace
}  // namespace kith::grammar
