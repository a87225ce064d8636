// POST /v1/completions over real sockets, with a made-up model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPath = "/v1/completions";

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : base::Json();
}

std::string body_with(const std::string& members) {
  return R"({"prompt":"Once")" + (members.empty() ? "" : "," + members) + "}";
}

base::Json error_of(const TestServer& server, const std::string& members) {
  const TestResponse response = post_json(server.port(), kPath, body_with(members));
  EXPECT_EQ(response.status, 400) << response.body;
  return parsed(response.body)["error"];
}

TEST(CompletionsTest, ATextIsGoneOnWith) {
  TestServer server;
  const TestResponse response =
      post_json(server.port(), kPath, body_with(R"("n":2,"echo":true,"logprobs":1)"));
  ASSERT_EQ(response.status, 200) << response.body;
  const base::Json body = parsed(response.body);
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_EQ(body["model"], "kith-test");
  EXPECT_THAT(body["id"].get<std::string>(), testing::StartsWith("cmpl-"));
  ASSERT_EQ(body["choices"].size(), 2U);
  EXPECT_EQ(body["choices"][1]["index"], 1);
  EXPECT_EQ(body["choices"][1]["text"], "Once one two");
  EXPECT_EQ(body["choices"][1]["logprobs"]["text_offset"], base::Json::array({0, 4, 8}));
  EXPECT_EQ(body["choices"][1]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["total_tokens"], 9);
  EXPECT_FALSE(response.headers.contains("x-kith-decision"));
  EXPECT_EQ(server.completions.last_job.max_tokens, 16);
}

TEST(CompletionsTest, AStreamSaysWhatTheWholeAnswerSays) {
  TestServer server;
  const std::string members = R"("n":2,"echo":true,"logprobs":0)";
  const base::Json whole = parsed(post_json(server.port(), kPath, body_with(members)).body);
  const TestResponse response =
      post_json(server.port(), kPath,
                body_with(members + R"(,"stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_THAT(response.headers.at("content-type"), HasSubstr("text/event-stream"));
  EXPECT_THAT(response.body, Not(HasSubstr("event:")));
  const auto events = events_of(response.body);
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(events.back(), "[DONE]");
  std::map<int, std::string> texts;
  std::map<int, base::Json> offsets;
  std::map<int, std::string> ends;
  for (std::size_t i = 0; i + 2 < events.size(); ++i) {
    const base::Json chunk = parsed(events[i]);
    EXPECT_TRUE(chunk["usage"].is_null());
    const base::Json& choice = chunk["choices"][0];
    const int index = choice["index"];
    texts[index] += choice["text"].get<std::string>();
    if (choice["logprobs"].is_object()) {
      for (const auto& offset : choice["logprobs"]["text_offset"]) offsets[index].push_back(offset);
    }
    if (choice["finish_reason"].is_string()) ends[index] = choice["finish_reason"];
  }
  for (int i = 0; i < 2; ++i) {
    const base::Json& choice = whole["choices"][static_cast<std::size_t>(i)];
    EXPECT_EQ(texts[i], choice["text"]);
    EXPECT_EQ(offsets[i], choice["logprobs"]["text_offset"]);
    EXPECT_EQ(ends[i], choice["finish_reason"]);
  }
  EXPECT_EQ(parsed(events[events.size() - 2])["usage"], whole["usage"]);
}

TEST(CompletionsTest, WhatIsAskedForArrives) {
  TestServer server;
  const TestResponse response = post_json(
      server.port(), kPath,
      R"({"prompt":[[5,6],[7]],"max_tokens":3,"temperature":0.25,"seed":9,"n":2,"best_of":3,)"
      R"("logprobs":4,"stop":["x"],"logit_bias":{"7":-1},"model":"leadership",)"
      R"("kith":{"soft_prompt":{"dtype":"f32","shape":[1,2],"data":"AAAAAAAAAAA="}}})",
      {{"X-Kith-Tenant", "acme"}});
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(parsed(response.body)["model"], "leadership");
  const CompletionJob& job = server.completions.last_job;
  ASSERT_EQ(job.prompts.size(), 2U);
  EXPECT_EQ(job.prompts[0].tokens, (std::vector<std::int32_t>{5, 6}));
  EXPECT_EQ(job.max_tokens, 3);
  EXPECT_EQ(job.sampling.temperature, 0.25);
  EXPECT_EQ(job.sampling.seed, 9U);
  EXPECT_EQ(job.sampling.logit_bias.at(7), -1.0);
  EXPECT_EQ(job.num_choices, 2);
  EXPECT_EQ(job.best_of, 3);
  EXPECT_EQ(job.logprobs, 4);
  EXPECT_EQ(job.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(job.tenant, TenantId("acme"));
  EXPECT_EQ(job.adapters, personalize::only_adapter(AdapterId("leadership")));
  ASSERT_NE(job.soft_prompt, nullptr);
  EXPECT_EQ(job.soft_prompt->rows(), 1);
}

TEST(CompletionsTest, NothingIsKept) {
  TestServer server;
  const TestHeaders anna{{"X-Kith-User", "anna"}};
  ASSERT_EQ(post_json(server.port(), kPath, body_with(R"("store":true)"), anna).status, 200);
  const storage::Scope scope{TenantId("default"), UserId("anna")};
  const auto conversations = server.stores().conversations().list(scope, 10);
  ASSERT_TRUE(conversations);
  EXPECT_TRUE(conversations->empty());
  const auto user = server.stores().users().find(scope);
  ASSERT_TRUE(user);
  EXPECT_FALSE(*user);
}

TEST(CompletionsTest, WhatCannotBeHonouredIsRefusedByName) {
  TestServer server;
  EXPECT_EQ(error_of(server, R"("suffix":"end")")["param"], "suffix");
  const base::Json embeds = error_of(server, R"("prompt_embeds":"AAAA")");
  EXPECT_EQ(embeds["param"], "prompt_embeds");
  EXPECT_EQ(embeds["code"], "unsupported_parameter");
  EXPECT_EQ(embeds["type"], "invalid_request_error");
  EXPECT_EQ(embeds.size(), 4U);
  const TestResponse nowhere = post_json(server.port(), kPath, body_with(R"("model":"gpt-9")"));
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(parsed(nowhere.body)["error"]["code"], "model_not_found");
  const TestResponse odd = post_json(server.port(), kPath, body_with(R"("frobnicate":1)"));
  EXPECT_EQ(odd.status, 200);
  EXPECT_EQ(odd.headers.at("x-kith-ignored"), "frobnicate");
  EXPECT_EQ(error_of(server, R"("n":0)")["param"], "n");
  EXPECT_EQ(error_of(server, R"("kith":{"plan":{}})")["param"], "kith.plan");
  EXPECT_EQ(error_of(server, R"("lora":[{"id":5,"scale":1}])")["param"], "lora[0].id");
  EXPECT_EQ(error_of(server, R"("model":"leadership","lora":[])")["param"], "lora");
  EXPECT_EQ(error_of(server, R"("kith":{"soft_prompt":{"dtype":"f32","shape":[1,1],)"
                             R"("data":"AAAAAA=="}})")["param"],
            "kith.soft_prompt");
}

TEST(CompletionsTest, ErrorsOfTheModelNameTheMember) {
  TestServer server;
  server.completions.failure =
      Error{ErrorCode::kInvalidArgument, "prompt[1]: the prompt is too long"};
  const base::Json prompt = error_of(server, "");
  EXPECT_EQ(prompt["param"], "prompt");
  EXPECT_EQ(prompt["code"], "context_length_exceeded");
  server.completions.failure = Error{ErrorCode::kInvalidArgument,
                                     "prompt: prompt and answers need more kv cache than there is"};
  EXPECT_EQ(error_of(server, "")["param"], "max_tokens");
  EXPECT_EQ(error_of(server, R"("n":2)")["param"], "n");
  EXPECT_EQ(error_of(server, R"("best_of":2)")["code"], "context_length_exceeded");
  EXPECT_EQ(error_of(server, R"("best_of":2)")["param"], "best_of");
  server.completions.failure = Error{ErrorCode::kInvalidArgument, "logit_bias must name"};
  EXPECT_EQ(error_of(server, "")["param"], "logit_bias");
  server.completions.failure =
      Error{ErrorCode::kInvalidArgument, "guided_json: not supported: $ref"};
  EXPECT_EQ(error_of(server, R"("guided_json":{})")["param"], "guided_json");
}

TEST(CompletionsTest, FailureInAStreamThatHasNotBegunIsAnErrorResponse) {
  TestServer server;
  server.completions.failure = Error{ErrorCode::kOverloaded, "the queue is full"};
  const TestResponse response = post_json(server.port(), kPath, body_with(R"("stream":true)"));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(parsed(response.body)["error"]["message"], "the queue is full");
}

TEST(CompletionsTest, AClientThatLeavesStopsTheWork) {
  for (const std::string stream : {"true", "false"}) {
    TestServer server;
    std::atomic<int> num_pieces = 0;
    server.completions.before_piece = [&] {
      ++num_pieces;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    };
    TestClient client(server.port());
    client.send(request_text("POST", kPath, {{"Content-Type", "application/json"}},
                             body_with(R"("n":128,"stream":)" + stream)));
    ASSERT_TRUE(eventually([&] { return num_pieces > 3; }));
    client.close();
    ASSERT_TRUE(eventually([&] { return server.completions.num_cancelled == 1; })) << stream;
    EXPECT_LT(num_pieces, 200);
  }
}

TEST(CompletionsTest, ABoundKeyActsForItsUserAlone) {
  TestServer server;
  const std::string key = server.add_key(storage::KeyRole::kEndUser, "anna");
  const TestHeaders anna{{"Authorization", "Bearer " + key}};
  EXPECT_EQ(post_json(server.port(), kPath, body_with(""), anna).status, 200);
  EXPECT_EQ(post_json(server.port(), kPath, body_with(R"("user":"bert")"), anna).status, 403);
  EXPECT_EQ(post_json(server.port(), kPath, body_with("")).status, 401);
}

TEST(CompletionsTest, AnUpstreamsAnswerPassesAsItIs) {
  TestServer server;
  server.completions.passes_on = true;
  const std::string body = R"({ "prompt_embeds": "x", "suffix":"end","logprobs":40 })";
  const TestResponse whole = post_json(server.port(), kPath, body);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, body);
  const std::string streamed = R"({"prompt":"x","stream":true})";
  const auto events = events_of(post_json(server.port(), kPath, streamed).body);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(parsed(events[0])["piece"], 1);
  EXPECT_EQ(events[1], streamed);
  EXPECT_EQ(events[2], "[DONE]");
  server.completions.failure = Error{ErrorCode::kInvalidArgument, "the upstream answered 400"};
  EXPECT_EQ(post_json(server.port(), kPath, streamed).status, 400);
}

}  // namespace
}  // namespace kith::server
