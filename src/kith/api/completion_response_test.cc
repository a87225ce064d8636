#include "kith/api/completion_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"

namespace kith::api {
namespace {

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : base::Json();
}

Completion example() {
  Completion completion;
  completion.id = "cmpl-1";
  completion.created = 7;
  completion.model = "m";
  completion.choices = {{"one", "length", {}}, {"two", "stop", {}}};
  completion.prompt_tokens = 3;
  completion.cached_tokens = 2;
  completion.completion_tokens = 4;
  return completion;
}

TEST(CompletionResponseTest, WholeAnswersAreOpenAisOld) {
  const base::Json body = parsed(completion_body(example()));
  EXPECT_EQ(body["id"], "cmpl-1");
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_EQ(body["created"], 7);
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["choices"][1]["index"], 1);
  EXPECT_EQ(body["choices"][1]["text"], "two");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(body["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(body["usage"]["total_tokens"], 7);
  EXPECT_EQ(body["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
  EXPECT_FALSE(body.contains("kith"));
}

TEST(CompletionResponseTest, LogprobsAreFourListsOfOneLength) {
  Completion completion = example();
  completion.choices[0].tokens = {{"on", {}, {}, 0},
                                  {"e\xE4", -0.5, {{"x", -0.25}, {"e\xE4", -0.5}, {"x", -3.0}}, 2}};
  const base::Json logprobs = parsed(completion_body(completion))["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], base::Json::array({"on", "bytes:\\x65\\xe4"}));
  EXPECT_EQ(logprobs["token_logprobs"], base::Json::array({nullptr, -0.5}));
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  // Of two that are written alike, the more likely one.
  EXPECT_EQ(logprobs["top_logprobs"][1], (base::Json{{"x", -0.25}, {"bytes:\\x65\\xe4", -0.5}}));
  EXPECT_EQ(logprobs["text_offset"], base::Json::array({0, 2}));
}

TEST(CompletionResponseTest, ChunksHaveTheSameShape) {
  const CompletionChunkWriter chunks(example(), true);
  CompletionChoice text;
  text.text = "wor";
  const base::Json piece = parsed(chunks.piece(1, text));
  EXPECT_EQ(piece["object"], "text_completion");
  EXPECT_EQ(piece["choices"][0]["index"], 1);
  EXPECT_EQ(piece["choices"][0]["text"], "wor");
  EXPECT_TRUE(piece["choices"][0]["finish_reason"].is_null());
  EXPECT_TRUE(piece.contains("usage"));
  CompletionChoice choice = text;
  choice.finish_reason = "length";
  const base::Json end = parsed(chunks.finish(0, choice));
  EXPECT_TRUE(end["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(end["choices"][0]["text"], "");
  EXPECT_EQ(end["choices"][0]["finish_reason"], "length");
  const base::Json usage = parsed(chunks.usage(example()));
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["completion_tokens"], 4);
  EXPECT_FALSE(parsed(CompletionChunkWriter(example(), false).finish(0, choice)).contains("usage"));
}

// A choice that a stop text ends at once has no other chunk.
TEST(CompletionResponseTest, TheEndOfAChoiceWithoutTokensHasEmptyLists) {
  const CompletionChunkWriter chunks(example(), false);
  CompletionChoice choice;
  choice.tokens = {{"wor", -0.5, {}, 0}};
  EXPECT_TRUE(parsed(chunks.finish(0, choice))["choices"][0]["logprobs"].is_null());
  choice.tokens->clear();
  const base::Json end = parsed(chunks.finish(0, choice));
  for (const char* list : {"tokens", "token_logprobs", "top_logprobs", "text_offset"}) {
    EXPECT_EQ(end["choices"][0]["logprobs"][list], base::Json::array()) << list;
  }
}

}  // namespace
}  // namespace kith::api
