#include "kith/api/chat_response.h"

#include <gtest/gtest.h>

#include "kith/api/sse.h"
#include "kith/base/json.h"

namespace kith::api {
namespace {

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : base::Json();
}

ChatCompletion make_completion() {
  ChatCompletion completion;
  completion.id = "chatcmpl-1";
  completion.created = 17;
  completion.model = "m";
  completion.choices = {{"hello", "stop", "", ""}};
  completion.prompt_tokens = 9;
  completion.cached_tokens = 4;
  completion.completion_tokens = 3;
  completion.kith.decision = "d1";
  completion.kith.persona = {{"leadership", 0.75}, {"new_hire", 0.25}};
  return completion;
}

TEST(ChatResponseTest, WholeAnswerHasTheMembersThatClientsRead) {
  const base::Json body = parsed(chat_completion_body(make_completion()));
  EXPECT_EQ(body["id"], "chatcmpl-1");
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["created"], 17);
  EXPECT_EQ(body["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(body["choices"][0]["message"]["content"], "hello");
  EXPECT_TRUE(body["choices"][0]["message"]["refusal"].is_null());
  EXPECT_TRUE(body["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["usage"]["total_tokens"], 12);
}

TEST(ChatResponseTest, AbsentPartsOfTheKithObjectAreAbsent) {
  const base::Json kith = parsed(chat_completion_body(make_completion()))["kith"];
  EXPECT_EQ(kith["decision"], "d1");
  EXPECT_EQ(kith["persona"]["leadership"], 0.75);
  for (const char* name :
       {"user", "adapter", "plan", "passages", "candidates", "style", "probability", "degraded",
        "timing", "generated_tokens", "queue_class", "escalation"}) {
    EXPECT_FALSE(kith.contains(name)) << name;
  }
}

TEST(ChatResponseTest, TellsTheQueueClassAndWhoTakesOver) {
  ChatCompletion completion = make_completion();
  completion.kith.queue_class = "urgent";
  completion.kith.escalation = {"asked for a person", "the desk", "extension 9", "", true};
  const base::Json kith = parsed(chat_completion_body(completion))["kith"];
  EXPECT_EQ(kith["queue_class"], "urgent");
  EXPECT_EQ(kith["escalation"], (base::Json{{"reason", "asked for a person"},
                                            {"name", "the desk"},
                                            {"channel", "extension 9"},
                                            {"in_text", true}}));
}

TEST(ChatResponseTest, ChunksShareIdTimeAndModel) {
  const ChatCompletion completion = make_completion();
  const ChunkWriter chunks(completion, false);
  for (const std::string& text :
       {chunks.start(0, &completion.kith), chunks.delta(0, {.text = "he"}),
        chunks.finish(0, completion.choices[0], nullptr), chunks.usage(completion)}) {
    const base::Json chunk = parsed(text);
    EXPECT_EQ(chunk["id"], "chatcmpl-1");
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["created"], 17);
    EXPECT_EQ(chunk["model"], "m");
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST(ChatResponseTest, UsageIsNullInOtherChunksWhenAskedFor) {
  const ChatCompletion completion = make_completion();
  EXPECT_FALSE(parsed(ChunkWriter(completion, false).delta(0, {.text = "x"})).contains("usage"));
  EXPECT_TRUE(parsed(ChunkWriter(completion, true).delta(0, {.text = "x"}))["usage"].is_null());
  const base::Json usage = parsed(ChunkWriter(completion, true).usage(completion));
  EXPECT_EQ(usage["usage"]["prompt_tokens"], 9);
  EXPECT_EQ(usage["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
  EXPECT_TRUE(usage["choices"].empty());
}

TEST(ChatResponseTest, ToolCallDeltasCarryTheIndexThatClientsNeed) {
  const ChunkWriter chunks(make_completion(), false);
  const base::Json chunk = parsed(chunks.delta(
      0, {.raw = R"({"tool_calls":[{"id":"a","function":{"name":"f"}},{"index":5,"id":"b"}]})"}));
  const base::Json& calls = chunk["choices"][0]["delta"]["tool_calls"];
  EXPECT_EQ(calls[0]["index"], 0);
  EXPECT_EQ(calls[1]["index"], 5);
}

TEST(ChatResponseTest, ChunksHaveTheLogProbabilitiesOfTheirPiece) {
  const ChunkWriter chunks(make_completion(), false);
  const auto logprobs = [](const std::string& chunk) {
    return parsed(chunk)["choices"][0]["logprobs"];
  };
  const std::string told = R"({"content":[{"token":"he","logprob":-0.5}],"refusal":null})";
  EXPECT_EQ(logprobs(chunks.delta(0, {.text = "he", .logprobs = told})), parsed(told));
  EXPECT_EQ(logprobs(chunks.delta(0, {.raw = R"({"odd":1})", .logprobs = told})), parsed(told));
  EXPECT_TRUE(logprobs(chunks.delta(0, {.text = "he"})).is_null());
  EXPECT_TRUE(logprobs(chunks.finish(0, {.text = "he"}, nullptr)).is_null());
  EXPECT_TRUE(logprobs(chunks.finish(0, {.text = "he", .logprobs = told}, nullptr)).is_null());
  EXPECT_TRUE(logprobs(chunks.finish(0, {.text = "", .logprobs = told}, nullptr)).is_null());
  // A choice that a stop text ends at once has no other chunk.
  const std::string none = R"({"content":[],"refusal":null})";
  EXPECT_EQ(logprobs(chunks.finish(0, {.text = "", .logprobs = none}, nullptr)), parsed(none));
}

TEST(ChatResponseTest, MessageOfAnUpstreamIsPassedOnWhole) {
  ChatCompletion completion = make_completion();
  completion.choices[0].raw = R"({"tool_calls":[{"id":"a"}]})";
  completion.choices[0].logprobs = R"({"content":[]})";
  const base::Json choice = parsed(chat_completion_body(completion))["choices"][0];
  EXPECT_EQ(choice["message"]["tool_calls"][0]["id"], "a");
  EXPECT_TRUE(choice["message"]["content"].is_null());
  EXPECT_TRUE(choice["logprobs"]["content"].is_array());
}

TEST(ChatResponseTest, EventsHaveDataLinesOnly) {
  EXPECT_EQ(sse_event("{}"), "data: {}\n\n");
  EXPECT_TRUE(kSsePing.starts_with(':'));
}

}  // namespace
}  // namespace kith::api
