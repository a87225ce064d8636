#include "kith/runtime/upstream_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/upstream/test_upstream.h"

namespace kith::runtime {
namespace {

using ::testing::HasSubstr;

personalize::GenerationRequest request() {
  personalize::GenerationRequest request;
  request.messages = {{"system", "Be kind.", {}}, {"user", "Hi", {}}};
  request.samples = {{.temperature = 0.2}};
  request.model = "asked-for";
  return request;
}

TEST(UpstreamBodyTest, PassesRawMessagesAndUnknownMembersUntouched) {
  auto sent = request();
  sent.messages[1].raw =
      R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}],"odd":1})";
  sent.extra = R"({"tools":[{"type":"function"}],"temperature":9,"provider_field":{"a":null}})";
  const auto body = upstream_body(sent, sent.samples[0], "", false);
  ASSERT_TRUE(body) << body.error().message;
  const auto json = *base::parse_json(*body);
  EXPECT_EQ(json["messages"][1], *base::parse_json(sent.messages[1].raw));
  EXPECT_EQ(json["provider_field"], *base::parse_json(R"({"a":null})"));
  EXPECT_EQ(json["tools"].size(), 1U);
  // What Kith composed wins over what came along.
  EXPECT_EQ(json["temperature"], 0.2);
  EXPECT_FALSE(json.contains("stream"));
}

TEST(UpstreamBodyTest, NamesTheConfiguredModelElseTheClients) {
  EXPECT_THAT(*upstream_body(request(), request().samples[0], "", false),
              HasSubstr(R"("model":"asked-for")"));
  EXPECT_THAT(*upstream_body(request(), request().samples[0], "ours", true),
              AllOf(HasSubstr(R"("model":"ours")"), HasSubstr(R"("include_usage":true)")));
}

TEST(UpstreamBodyTest, LeavesOutWhatNobodySet) {
  const auto json = *base::parse_json(*upstream_body(request(), {}, "", false));
  EXPECT_FALSE(json.contains("temperature"));
  EXPECT_FALSE(json.contains("seed"));
  EXPECT_FALSE(json.contains("logprobs"));
  EXPECT_FALSE(json.contains("max_tokens"));
}

TEST(UpstreamBodyTest, RefusesExtraThatIsNoObject) {
  auto sent = request();
  sent.extra = "[1]";
  EXPECT_FALSE(upstream_body(sent, sent.samples[0], "", false));
}

class NoSink final : public personalize::DeltaSink {
 public:
  void on_delta(const personalize::TextDelta&) override {}
};

Result<std::vector<personalize::GeneratedText>> generate(const std::string& answer, bool streams) {
  const upstream::OneAnswerServer server(answer);
  UpstreamGenerator generator(*upstream::OpenAiClient::create({.base_url = server.url()}), {});
  NoSink sink;
  return generator.generate(request(), streams ? &sink : nullptr, {});
}

TEST(UpstreamGeneratorTest, AnAnswerWithoutAMessageIsTheUpstreamsFault) {
  const std::vector<std::string> bodies{
      "not json", R"({"choices":["x"]})", R"({"choices":[{"index":0}]})",
      R"({"choices":[{"message":"x","delta":"x"}]})",
      R"({"choices":[{"message":{"content":)" + std::string(300, '[') + std::string(300, ']') +
          R"(},"delta":{"content":)" + std::string(300, '[') + std::string(300, ']') + "}}]}"};
  for (const std::string& body : bodies) {
    const auto whole = generate(upstream::response(200, body, "application/json"), false);
    ASSERT_FALSE(whole) << body;
    EXPECT_EQ(whole.error().code, ErrorCode::kUnavailable) << body;
    const auto streamed = generate(upstream::event_stream({body}), true);
    ASSERT_FALSE(streamed) << body;
    EXPECT_EQ(streamed.error().code, ErrorCode::kUnavailable) << body;
  }
}

TEST(UpstreamGeneratorTest, CountsThatCountNothingAreLeftOut) {
  const auto answer = generate(
      upstream::response(200,
                         R"({"choices":[{"message":{"content":"a"}}],)"
                         R"("usage":{"prompt_tokens":-5,"completion_tokens":1099511627776}})",
                         "application/json"),
      false);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->front().prompt_tokens, 0);
  EXPECT_EQ(answer->front().completion_tokens, 0);
}

}  // namespace
}  // namespace kith::runtime
