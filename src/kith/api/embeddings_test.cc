#include "kith/api/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kith/base/json.h"

namespace kith::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string param_of(const std::string& body) {
  const auto request = parse_embeddings_request(body);
  return request ? "accepted" : request.error().param;
}

TEST(EmbeddingsRequestTest, ReadsEveryFormOfInput) {
  const auto text = parse_embeddings_request(R"({"input":"hi","model":"m"})");
  ASSERT_TRUE(text);
  ASSERT_EQ(text->inputs.size(), 1U);
  EXPECT_EQ(text->inputs[0].text, "hi");
  EXPECT_EQ(text->model, "m");
  EXPECT_FALSE(text->is_base64 || text->truncates || text->dimensions);

  const auto texts = parse_embeddings_request(R"({"input":["a","b"]})");
  ASSERT_TRUE(texts);
  ASSERT_EQ(texts->inputs.size(), 2U);
  EXPECT_EQ(texts->inputs[1].text, "b");

  const auto tokens = parse_embeddings_request(R"({"input":[5,0,2147483647]})");
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->inputs.size(), 1U);
  EXPECT_THAT(tokens->inputs[0].tokens, ElementsAre(5, 0, 2147483647));

  const auto lists = parse_embeddings_request(R"({"input":[[5],[6,7]]})");
  ASSERT_TRUE(lists);
  ASSERT_EQ(lists->inputs.size(), 2U);
  EXPECT_THAT(lists->inputs[1].tokens, ElementsAre(6, 7));
}

TEST(EmbeddingsRequestTest, ReadsItsOptions) {
  const auto request = parse_embeddings_request(
      R"({"input":"a","encoding_format":"base64","dimensions":8,"truncate":true,"user":"anna",
          "input_type":"query"})");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->is_base64 && request->truncates);
  EXPECT_EQ(request->dimensions, 8);
  EXPECT_EQ(request->user, "anna");
  EXPECT_THAT(request->unknown, ElementsAre("input_type"));
  // An upstream sees what it may know, and not who asks.
  EXPECT_EQ(*base::parse_json(request->upstream_body),
            *base::parse_json(R"({"input":"a","encoding_format":"base64","dimensions":8,
                                  "truncate":true,"input_type":"query"})"));
}

TEST(EmbeddingsRequestTest, NamesWhatIsWrong) {
  EXPECT_EQ(param_of(R"({})"), "input");
  EXPECT_EQ(param_of(R"({"input":null})"), "input");
  EXPECT_EQ(param_of(R"({"input":""})"), "input");
  EXPECT_EQ(param_of(R"({"input":[]})"), "input");
  EXPECT_EQ(param_of(R"({"input":7})"), "input");
  EXPECT_EQ(param_of(R"({"input":{"a":1}})"), "input");
  EXPECT_EQ(param_of(R"({"input":["a",""]})"), "input[1]");
  EXPECT_EQ(param_of(R"({"input":["a",7]})"), "input[1]");
  EXPECT_EQ(param_of(R"({"input":[[1],[]]})"), "input[1]");
  EXPECT_EQ(param_of(R"({"input":[1,-1]})"), "input");
  EXPECT_EQ(param_of(R"({"input":[1,2147483648]})"), "input");
  EXPECT_EQ(param_of(R"({"input":[1.5]})"), "input");
  EXPECT_EQ(param_of(R"({"input":"a","encoding_format":"hex"})"), "encoding_format");
  EXPECT_EQ(param_of(R"({"input":"a","dimensions":0})"), "dimensions");
  EXPECT_EQ(param_of(R"({"input":"a","truncate":"yes"})"), "truncate");
  EXPECT_EQ(param_of(R"({"input":"a","user":7})"), "user");
  EXPECT_FALSE(parse_embeddings_request("[]"));
  EXPECT_FALSE(parse_embeddings_request("{"));
}

TEST(EmbeddingsRequestTest, TakesUpTo2048Inputs) {
  base::Json body{{"input", std::vector<std::string>(2048, "a")}};
  EXPECT_TRUE(parse_embeddings_request(base::dump_json(body)));
  body["input"].push_back("a");
  const auto refused = parse_embeddings_request(base::dump_json(body));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1 to 2048 texts: 2049"));
}

TEST(EmbeddingsBodyTest, NumbersReadBackAsTheSameFloats) {
  const std::vector<float> values{
      0.1F, -1.0F / 3.0F, 1e-20F, 123456.789F, std::numeric_limits<float>::denorm_min(), 0.0F};
  const auto json = base::parse_json(embeddings_body({"m", 3, values, 9}, false));
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ((*json)["object"], "list");
  EXPECT_EQ((*json)["model"], "m");
  EXPECT_EQ((*json)["usage"]["prompt_tokens"], 9);
  EXPECT_EQ((*json)["usage"]["total_tokens"], 9);
  ASSERT_EQ((*json)["data"].size(), 2U);
  std::vector<float> read;
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*json)["data"][i]["object"], "embedding");
    EXPECT_EQ((*json)["data"][i]["index"], i);
    for (const double value : (*json)["data"][i]["embedding"]) {
      read.push_back(static_cast<float>(value));
    }
  }
  EXPECT_EQ(read, values);
}

// Python: base64.b64encode(struct.pack("<2f", 1.0, -2.5)), and of one and three floats.
TEST(EmbeddingsBodyTest, Base64HoldsLittleEndianFloats) {
  const auto encoded = [](const std::vector<float>& values) {
    const auto json = base::parse_json(embeddings_body({"m", values.size(), values, 1}, true));
    return (*json)["data"][0]["embedding"].get<std::string>();
  };
  EXPECT_EQ(encoded({1.0F, -2.5F}), "AACAPwAAIMA=");
  EXPECT_EQ(encoded({1.0F}), "AACAPw==");
  EXPECT_EQ(encoded({1.0F, -2.5F, 0.1F}), "AACAPwAAIMDNzMw9");
}

}  // namespace
}  // namespace kith::api
