#include "kith/api/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kMessages = R"("messages":[{"role":"user","content":"hi"}])";

Outcome<ChatCompletionRequest> parse_with(const std::string& members) {
  return parse_chat_request(std::string("{") + kMessages + (members.empty() ? "" : ",") + members +
                            "}");
}

std::string param_of(const std::string& members) {
  const auto request = parse_with(members);
  return request ? "accepted" : request.error().param;
}

TEST(ChatRequestTest, ReadsTheSmallestRequest) {
  const auto request = parse_with("");
  ASSERT_TRUE(request);
  ASSERT_EQ(request->messages.size(), 1U);
  EXPECT_EQ(request->messages[0].role, "user");
  EXPECT_EQ(request->messages[0].content, "hi");
  EXPECT_EQ(request->messages[0].raw, "");
  EXPECT_EQ(request->n, 1);
  EXPECT_FALSE(request->is_stream);
  EXPECT_FALSE(request->store.has_value());
  EXPECT_EQ(request->extra, "");
}

TEST(ChatRequestTest, ReadsEveryFieldThatItHonours) {
  const auto request = parse_with(
      R"("model":"m","temperature":0.5,"top_p":0.9,"min_p":0.1,"top_k":40,"presence_penalty":1,)"
      R"("frequency_penalty":-1,"repetition_penalty":1.1,"seed":-7,"logit_bias":{"5":-100},)"
      R"("logprobs":true,"top_logprobs":2,"n":3,"stop":["a","b"],"max_tokens":9,)"
      R"("max_completion_tokens":8,"stream":true,"stream_options":{"include_usage":true},)"
      R"("store":false,"user":"u","safety_identifier":"s","metadata":{"user_id":"m","k":"v"},)"
      R"("verbosity":"high")");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(request->temperature, 0.5);
  EXPECT_EQ(request->top_p, 0.9);
  EXPECT_EQ(request->min_p, 0.1);
  EXPECT_EQ(request->top_k, 40);
  EXPECT_EQ(request->presence_penalty, 1.0);
  EXPECT_EQ(request->frequency_penalty, -1.0);
  EXPECT_EQ(request->repetition_penalty, 1.1);
  EXPECT_EQ(request->seed, -7);
  EXPECT_EQ(request->logit_bias.at(5), -100.0);
  EXPECT_TRUE(request->wants_logprobs);
  EXPECT_EQ(request->top_logprobs, 2);
  EXPECT_EQ(request->n, 3);
  EXPECT_THAT(request->stop, ElementsAre("a", "b"));
  EXPECT_EQ(request->max_tokens, 8);
  EXPECT_TRUE(request->is_stream);
  EXPECT_TRUE(request->wants_usage);
  EXPECT_EQ(request->store, false);
  EXPECT_EQ(request->user, "u");
  EXPECT_EQ(request->safety_identifier, "s");
  EXPECT_EQ(request->metadata_user_id, "m");
  EXPECT_EQ(request->kith.style.length, "long");
  EXPECT_THAT(request->upstream_only, IsEmpty());
}

TEST(ChatRequestTest, ReadsTheKithObject) {
  const auto request = parse_with(
      R"("kith":{"user":"u","tenant":"t","conversation":"c","context":{"device":"phone","ticket":7},)"
      R"("temporary":true,"plan":{"persona":false},"candidates":4,)"
      R"("style":{"tone":"dry","length":"short","reading_level":5}},"verbosity":"high")");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->kith.user, "u");
  EXPECT_EQ(request->kith.tenant, "t");
  EXPECT_EQ(request->kith.conversation, "c");
  EXPECT_EQ(request->kith.context.at("ticket"), "7");
  EXPECT_TRUE(request->kith.is_temporary);
  EXPECT_FALSE(request->kith.plan.at("persona"));
  EXPECT_EQ(request->kith.candidates, 4);
  // kith.style is more exact than verbosity.
  EXPECT_EQ(request->kith.style.length, "short");
}

TEST(ChatRequestTest, ReadsWhatTheAnswerMustLookLike) {
  using Kind = OutputFormat::Kind;
  EXPECT_EQ(parse_with("")->format.kind, Kind::kText);
  EXPECT_EQ(parse_with(R"("response_format":{"type":"text"})")->format.kind, Kind::kText);
  const auto object = parse_with(R"("response_format":{"type":"json_object"})");
  EXPECT_EQ(object->format.kind, Kind::kJsonObject);
  EXPECT_EQ(object->format.member, "response_format");
  EXPECT_THAT(object->upstream_only, IsEmpty());

  // The order in which the client wrote the properties is kept, here and for upstreams.
  const std::string schema = R"({"type":"object","properties":{"z":{},"a":{}} })";
  const auto with_schema = parse_with(
      R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":)" +
      schema + "}}");
  ASSERT_TRUE(with_schema) << with_schema.error().message;
  EXPECT_EQ(with_schema->format.kind, Kind::kJsonSchema);
  EXPECT_EQ(with_schema->format.schema, schema);
  EXPECT_THAT(with_schema->extra, HasSubstr(schema));
  EXPECT_EQ(parse_with(R"("guided_json":)" + schema)->format.schema, schema);
  EXPECT_EQ(parse_with(R"("guided_json":"{\"type\":\"null\"}")")->format.schema,
            R"({"type":"null"})");
  EXPECT_EQ(parse_with(R"("structured_outputs":{"json":)" + schema + "}")->format.schema, schema);
  EXPECT_EQ(parse_with(R"("response_format":{"type":"json_object","schema":)" + schema + "}")
                ->format.schema,
            schema);

  const auto choice = parse_with(R"("guided_choice":["yes","no"])");
  EXPECT_EQ(choice->format.kind, Kind::kChoice);
  EXPECT_THAT(choice->format.choices, ElementsAre("yes", "no"));
  EXPECT_EQ(choice->extra, R"({"guided_choice":["yes","no"]})");
  EXPECT_THAT(parse_with(R"("structured_outputs":{"choice":["a"]})")->format.choices,
              ElementsAre("a"));
}

TEST(ChatRequestTest, NamesWhatIsWrongWithAnOutputFormat) {
  EXPECT_EQ(param_of(R"("response_format":"json")"), "response_format");
  EXPECT_EQ(param_of(R"("response_format":{})"), "response_format.type");
  EXPECT_EQ(param_of(R"("response_format":{"type":"json_schema"})"), "response_format.json_schema");
  EXPECT_EQ(param_of(R"("response_format":{"type":"json_schema","json_schema":{"name":"a b"}})"),
            "response_format.json_schema.name");
  EXPECT_EQ(param_of(R"("response_format":{"type":"json_schema","json_schema":{"schema":[]}})"),
            "response_format.json_schema.schema");
  EXPECT_EQ(param_of(R"("guided_choice":[])"), "guided_choice");
  EXPECT_EQ(param_of(R"("guided_choice":["a",""])"), "guided_choice");
  EXPECT_EQ(param_of(R"("guided_json":1)"), "guided_json");
  EXPECT_EQ(param_of(R"("structured_outputs":{"choice":"a"})"), "structured_outputs.choice");
  EXPECT_EQ(param_of(R"("response_format":{"type":"json_object"},"guided_choice":["a"])"),
            "guided_choice");
}

TEST(ChatRequestTest, NamesTheMemberThatIsWrong) {
  EXPECT_EQ(param_of(R"("temperature":3)"), "temperature");
  EXPECT_EQ(param_of(R"("temperature":"warm")"), "temperature");
  EXPECT_EQ(param_of(R"("n":0)"), "n");
  EXPECT_EQ(param_of(R"("n":129)"), "n");
  EXPECT_EQ(param_of(R"("n":18446744073709551615)"), "n");
  EXPECT_EQ(param_of(R"("stop":["a","b","c","d","e"])"), "stop");
  EXPECT_EQ(param_of(R"("stop":[""])"), "stop");
  EXPECT_EQ(param_of(R"("top_logprobs":2)"), "top_logprobs");
  EXPECT_EQ(param_of(R"("stream_options":{"include_usage":true})"), "stream_options");
  EXPECT_EQ(param_of(R"("stream":true,"stream_options":{"include_usage":1})"),
            "stream_options.include_usage");
  EXPECT_EQ(param_of(R"("metadata":{"user_id":7})"), "metadata.user_id");
  for (const char* token : {"a", "-1", "-0", "05", "+5", "5.0", " 5", "", "2147483648"}) {
    EXPECT_EQ(param_of(R"("logit_bias":{")" + std::string(token) + R"(":1})"), "logit_bias");
  }
  EXPECT_EQ(param_of(R"("user":"a\u0000b")"), "user");
  EXPECT_EQ(param_of(R"("kith":{"style":{"length":"tiny"}})"), "kith.style.length");
  EXPECT_EQ(param_of(R"("kith":{"candidates":9})"), "kith.candidates");
  EXPECT_EQ(param_of(R"("kith":{"usr":"x"})"), "kith.usr");
}

TEST(ChatRequestTest, NamesTheMessageThatIsWrong) {
  const auto param = [](const std::string& messages) {
    const auto request = parse_chat_request(R"({"messages":)" + messages + "}");
    return request ? "accepted" : request.error().param;
  };
  EXPECT_EQ(param("[]"), "messages");
  EXPECT_EQ(param("{}"), "messages");
  EXPECT_EQ(param(R"([7])"), "messages[0]");
  EXPECT_EQ(param(R"([{"role":"root","content":"x"}])"), "messages[0].role");
  EXPECT_EQ(param(R"([{"content":"x"}])"), "messages[0].role");
  EXPECT_EQ(param(R"([{"role":"user"}])"), "messages[0].content");
  EXPECT_EQ(param(R"([{"role":"user","content":7}])"), "messages[0].content");
  EXPECT_EQ(param(R"([{"role":"user","content":[{"type":"text"}]}])"),
            "messages[0].content[0].text");
  EXPECT_EQ(parse_chat_request("{}").error().param, "messages");
}

TEST(ChatRequestTest, JoinsTextPartsAndKeepsTheMessageForUpstreams) {
  const auto request = parse_chat_request(
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},)"
      R"({"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"b"}]}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->messages[0].content, "a\nb");
  EXPECT_THAT(request->messages[0].raw, HasSubstr("image_url"));
  EXPECT_THAT(request->upstream_only, ElementsAre("messages[0].content[1].image_url"));
}

TEST(ChatRequestTest, PassesOnWhatOnlyUpstreamsUnderstand) {
  const auto request = parse_with(
      R"("tools":[{"type":"function"}],"tool_choice":"auto","response_format":{"type":"text"},)"
      R"("frobnicate":{"a":[1]},"service_tier":"flex","user":"secret-user")");
  ASSERT_TRUE(request);
  EXPECT_THAT(request->upstream_only, ElementsAre("tools"));
  EXPECT_THAT(request->unknown, ElementsAre("frobnicate"));
  const auto extra = base::parse_json(request->extra);
  ASSERT_TRUE(extra);
  EXPECT_EQ((*extra)["frobnicate"]["a"][0], 1);
  EXPECT_EQ((*extra)["service_tier"], "flex");
  EXPECT_EQ((*extra)["tool_choice"], "auto");
  // Who the user is does not leave.
  EXPECT_THAT(request->extra, testing::Not(HasSubstr("secret-user")));
}

TEST(ChatRequestTest, HarmlessFormsOfRefusedFieldsAreAccepted) {
  const auto request =
      parse_with(R"("tools":[],"tool_choice":"none","response_format":{"type":"text"},)"
                 R"("modalities":["text"],"parallel_tool_calls":true)");
  ASSERT_TRUE(request);
  EXPECT_THAT(request->upstream_only, IsEmpty());
  EXPECT_THAT(parse_with(R"("response_format":{"type":"structural_tag"})")->upstream_only,
              ElementsAre("response_format"));
  EXPECT_THAT(parse_with(R"("structured_outputs":{"regex":"a*"})")->upstream_only,
              ElementsAre("structured_outputs"));
}

TEST(ChatRequestTest, WhatOtherServersKnowAndWouldChangeTheAnswerIsNotUnknown) {
  const auto request = parse_with(
      R"("guided_regex":"a*","ignore_eos":true,"min_tokens":0,"bad_words":[],"grammar":"",)"
      R"("frobnicate":1)");
  ASSERT_TRUE(request);
  EXPECT_THAT(request->upstream_only, ElementsAre("guided_regex", "ignore_eos"));
  EXPECT_THAT(request->unknown, ElementsAre("frobnicate"));
  // An upstream gets them as they came.
  const auto extra = *base::parse_json(request->extra);
  EXPECT_EQ(extra.size(), 6U);
  EXPECT_EQ(extra["min_tokens"], 0);
}

TEST(ChatRequestTest, NullMembersCountAsAbsent) {
  const auto request =
      parse_with(R"("temperature":null,"stop":null,"kith":null,"tools":null,"x":null)");
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->temperature);
  EXPECT_THAT(request->unknown, IsEmpty());
}

TEST(ChatRequestTest, RefusesWhatIsNoJsonObject) {
  EXPECT_EQ(parse_chat_request("").error().code, "invalid_json");
  EXPECT_EQ(parse_chat_request("[]").error().code, "invalid_json");
  EXPECT_EQ(parse_chat_request("{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}")
                .error()
                .status,
            400);
  EXPECT_EQ(parse_chat_request(std::string(100'000, '[')).error().status, 400);
}

// What chat_request_fuzz.cc checks, over the stored corpus.
TEST(ChatRequestTest, CorpusOfTheFuzzerIsAnswered) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  int num_files = 0;
  int num_accepted = 0;
  const auto corpus = std::filesystem::path(source) / "src/kith/api/testdata/chat_request";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    const auto bytes = base::read_file(entry.path());
    ASSERT_TRUE(bytes);
    ++num_files;
    const auto request = parse_chat_request(*bytes);
    if (request) {
      ++num_accepted;
      EXPECT_FALSE(request->messages.empty()) << entry.path();
      EXPECT_TRUE(request->n >= 1 && request->n <= 128) << entry.path();
    } else {
      EXPECT_EQ(request.error().status, 400) << entry.path();
      EXPECT_FALSE(request.error().message.empty()) << entry.path();
    }
  }
  EXPECT_GE(num_files, 20);
  EXPECT_GE(num_accepted, 4);
  EXPECT_LT(num_accepted, num_files);
}

}  // namespace
}  // namespace kith::api
