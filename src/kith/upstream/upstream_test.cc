#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "kith/base/rng.h"
#include "kith/upstream/openai_client.h"
#include "kith/upstream/sse_parser.h"
#include "kith/upstream/test_upstream.h"

namespace kith::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<OpenAiClient> client_for(const std::string& url) {
  auto client = OpenAiClient::create({.base_url = url, .api_key = "secret"});
  EXPECT_TRUE(client);
  return *std::move(client);
}

std::vector<std::string> parse(std::string_view stream, std::size_t piece) {
  std::vector<std::string> events;
  SseParser parser([&](std::string_view data) {
    events.emplace_back(data);
    return true;
  });
  for (std::size_t i = 0; i < stream.size(); i += piece) {
    EXPECT_TRUE(parser.append(stream.substr(i, piece)));
  }
  return events;
}

TEST(SseParserTest, GivesOutDataHoweverTheBytesAreCut) {
  const std::string stream =
      ": ping\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:two\ndata: lines\n\nid: 7\n\n";
  for (std::size_t piece = 1; piece < 12; ++piece) {
    EXPECT_THAT(parse(stream, piece), ElementsAre("{\"a\":1}", "two\nlines")) << piece;
  }
}

TEST(SseParserTest, AByteOrderMarkInFrontIsNoPartOfTheFirstLine) {
  const std::string stream =
      "\xEF\xBB\xBF"
      "data: one\n\ndata: \xEF\xBB\xBF"
      "two\n\n";
  for (std::size_t piece = 1; piece < 6; ++piece) {
    EXPECT_THAT(parse(stream, piece), ElementsAre("one",
                                                  "\xEF\xBB\xBF"
                                                  "two"))
        << piece;
  }
}

TEST(SseParserTest, RefusesAnEventWithoutEnd) {
  SseParser parser([](std::string_view) { return true; }, 100);
  const auto taken = parser.append("data: " + std::string(200, 'x'));
  // The upstream's fault: never told as the client's.
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
}

TEST(OpenAiClientTest, SendsTheBodyUntouchedAndReturnsTheAnswer) {
  const OneAnswerServer server(response(200, "{\"choices\":[{}]}", "application/json"));
  const std::string body = R"({"model":"m","odd_field":[1,{"x":null}]})";
  const auto answer = client_for(server.url())->chat(body, nullptr);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, "{\"choices\":[{}]}");
  EXPECT_THAT(server.request(), HasSubstr("POST /v1/chat/completions"));
  EXPECT_THAT(server.request(), HasSubstr("Authorization: Bearer secret"));
  EXPECT_THAT(server.request(), HasSubstr(body));
}

// An event with one choice.
std::string choice_event(const std::string& text) {
  return R"({"choices":[{"index":0,"text":")" + text + R"("}]})";
}

// Streams from an upstream that answers with `answer`; `events` takes what comes.
Status stream_from(const std::string& answer, std::vector<std::string>& events) {
  const OneAnswerServer server(answer);
  return client_for(server.url())
      ->stream_chat(
          "{}",
          [&](std::string_view data) {
            events.emplace_back(data);
            return true;
          },
          nullptr);
}

TEST(OpenAiClientTest, StreamsUntilDone) {
  std::vector<std::string> events;
  const auto done = stream_from(event_stream({choice_event("1"), choice_event("2")}), events);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(events, ElementsAre(choice_event("1"), choice_event("2")));
}

TEST(OpenAiClientTest, CompletionsGoToTheirOwnPath) {
  const OneAnswerServer whole(response(200, "{\"choices\":[{}]}", "application/json"));
  const std::string body = R"({ "prompt_embeds": "x" })";
  EXPECT_EQ(*client_for(whole.url())->completions(body, nullptr), "{\"choices\":[{}]}");
  EXPECT_THAT(whole.request(), HasSubstr("POST /v1/completions"));
  EXPECT_THAT(whole.request(), HasSubstr(body));
  const OneAnswerServer streamed(event_stream({choice_event("1")}));
  std::vector<std::string> events;
  const auto take = [&](std::string_view data) {
    events.emplace_back(data);
    return true;
  };
  ASSERT_TRUE(client_for(streamed.url())->stream_completions("{}", take, nullptr));
  EXPECT_THAT(streamed.request(), HasSubstr("POST /v1/completions"));
  EXPECT_THAT(events, ElementsAre(choice_event("1")));
}

TEST(OpenAiClientTest, AStreamThatBreaksOffIsAnError) {
  std::vector<std::string> events;
  const auto done = stream_from(
      response(200, "data: " + choice_event("1") + "\n\n", "text/event-stream"), events);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(events, ElementsAre(choice_event("1")));
}

// What upstreams say with status 200 that is no answer: never the client's fault, never an empty
// answer.
const std::vector<std::string>& faulty_answers() {
  static const std::vector<std::string> kAnswers{"",
                                                 "<html>",
                                                 "null",
                                                 "[]",
                                                 "\"text\"",
                                                 "{\"choices\":",
                                                 "{\"choices\":null}",
                                                 "{\"choices\":[]}",
                                                 "{\"choices\":{}}",
                                                 "{\"choices\":[1e999]}",
                                                 "{\"choices\":[\"\xff\"]}",
                                                 R"({"error":"text","choices":[{}]})",
                                                 R"({"error":5})",
                                                 R"({"error":{"message":"why"}})",
                                                 std::string(100'000, '[')};
  return kAnswers;
}

TEST(OpenAiClientTest, AFaultyAnswerIsTheUpstreamsFault) {
  for (const std::string& body : faulty_answers()) {
    const OneAnswerServer server(response(200, body, "application/json"));
    const auto answer = client_for(server.url())->completions("{}", nullptr);
    ASSERT_FALSE(answer) << body.substr(0, 40);
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable) << body.substr(0, 40);
  }
}

TEST(OpenAiClientTest, AFaultyStreamIsTheUpstreamsFault) {
  for (const std::string& body : faulty_answers()) {
    std::vector<std::string> events;
    const auto done = stream_from(event_stream({body}), events);
    ASSERT_FALSE(done) << body.substr(0, 40);
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable) << body.substr(0, 40);
  }
  std::vector<std::string> events;
  const auto empty = stream_from(event_stream({}), events);
  EXPECT_EQ(empty.error().code, ErrorCode::kUnavailable);
}

// vLLM ends a stream that failed with an error whose code is a status.
TEST(OpenAiClientTest, AnErrorWithAStatusMeansWhatTheStatusMeans) {
  const std::vector<std::pair<std::string, ErrorCode>> cases{
      {"400", ErrorCode::kInvalidArgument},
      {"429", ErrorCode::kOverloaded},
      {"503", ErrorCode::kUnavailable},
      {"\"rate_limit_exceeded\"", ErrorCode::kUnavailable}};
  for (const auto& [code, expected] : cases) {
    std::vector<std::string> events;
    const auto done = stream_from(
        event_stream({choice_event("1"), R"({"error":{"message":"why","code":)" + code + "}}"}),
        events);
    EXPECT_EQ(done.error().code, expected) << code;
    EXPECT_THAT(done.error().message, HasSubstr("why"));
    EXPECT_THAT(events, ElementsAre(choice_event("1")));
  }
}

// What is deep inside is the reader's affair, and "error": null is none.
TEST(OpenAiClientTest, AnAnswerMayHoldWhatNobodyKnows) {
  const std::string body = R"({"error":null,"odd":)" + std::string(300, '[') +
                           std::string(300, ']') + R"(,"choices":[{"a":{"b":[1]}}]})";
  const OneAnswerServer server(response(200, body, "application/json"));
  EXPECT_EQ(*client_for(server.url())->completions("{}", nullptr), body);
}

TEST(OpenAiClientTest, EmbeddingsNeedVectors) {
  const OneAnswerServer some(response(200, R"({"data":[{"embedding":"x"}]})", "application/json"));
  EXPECT_TRUE(client_for(some.url())->embeddings("{}", nullptr));
  const OneAnswerServer none(response(200, R"({"data":[]})", "application/json"));
  EXPECT_EQ(client_for(none.url())->embeddings("{}", nullptr).error().code,
            ErrorCode::kUnavailable);
}

TEST(OpenAiClientTest, MapsTheUpstreamsErrors) {
  const std::vector<std::pair<int, ErrorCode>> cases{{400, ErrorCode::kInvalidArgument},
                                                     {401, ErrorCode::kUnavailable},
                                                     {429, ErrorCode::kOverloaded},
                                                     {503, ErrorCode::kUnavailable}};
  for (const auto& [status, code] : cases) {
    const OneAnswerServer server(
        response(status, R"({"error":{"message":"why"}})", "application/json"));
    const auto answer = client_for(server.url())->chat("{}", nullptr);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, code) << status;
    EXPECT_THAT(answer.error().message, HasSubstr("why"));
  }
  const OneAnswerServer brief(response(400, R"({"error":"why"})", "application/json"));
  EXPECT_THAT(client_for(brief.url())->chat("{}", nullptr).error().message, HasSubstr(": why"));
}

TEST(OpenAiClientTest, CancelEndsACallThatHangs) {
  const OneAnswerServer server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", true);
  std::atomic<bool> cancelled = false;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancelled = true;
  });
  const auto answer = client_for(server.url())->chat("{}", &cancelled);
  canceller.join();
  EXPECT_EQ(answer.error().code, ErrorCode::kCancelled);
}

TEST(OpenAiClientTest, SilenceIsADeadline) {
  const OneAnswerServer server("", true);
  auto client = OpenAiClient::create(
      {.base_url = server.url(), .http = {.idle_timeout = std::chrono::milliseconds(1000)}});
  EXPECT_EQ((*client)->chat("{}", nullptr).error().code, ErrorCode::kDeadlineExceeded);
}

TEST(OpenAiClientTest, NobodyListeningIsUnavailable) {
  const auto answer = client_for("http://127.0.0.1:9")->chat("{}", nullptr);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST(OpenAiClientTest, RefusesOtherSchemes) {
  EXPECT_FALSE(OpenAiClient::create({.base_url = "file:///etc/passwd"}));
  EXPECT_FALSE(OpenAiClient::create({.base_url = "localhost:8000"}));
}

}  // namespace
}  // namespace kith::upstream
