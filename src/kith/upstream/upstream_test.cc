#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "kith/base/rng.h"
#include "kith/upstream/openai_client.h"
#include "kith/upstream/sse_parser.h"

namespace kith::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Answers one connection with fixed bytes, on loopback.
class OneAnswerServer {
 public:
  explicit OneAnswerServer(std::string answer, bool keep_open = false)
      : answer_(std::move(answer)), keep_open_(keep_open) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswerServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  const std::string& request() const { return request_; }

 private:
  void serve() {
    const int peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    char buffer[4096];
    // The body is the last thing in a request; "}" ends it in these tests.
    while (!request_.ends_with('}') && !request_.starts_with("GET")) {
      const ssize_t got = ::recv(peer, buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      request_.append(buffer, static_cast<std::size_t>(got));
    }
    static_cast<void>(::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL));
    // Wait until the client hangs up.
    while (keep_open_ && ::recv(peer, buffer, sizeof(buffer), 0) > 0) {
    }
    ::close(peer);
  }

  std::string answer_;
  bool keep_open_;
  int listener_ = -1;
  int port_ = 0;
  std::string request_;
  std::thread thread_;
};

std::string response(int status, const std::string& body, const std::string& type) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

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

TEST(SseParserTest, RefusesAnEventWithoutEnd) {
  SseParser parser([](std::string_view) { return true; }, 100);
  EXPECT_FALSE(parser.append("data: " + std::string(200, 'x')));
}

TEST(OpenAiClientTest, SendsTheBodyUntouchedAndReturnsTheAnswer) {
  const OneAnswerServer server(response(200, "{\"ok\":true}", "application/json"));
  const std::string body = R"({"model":"m","odd_field":[1,{"x":null}]})";
  const auto answer = client_for(server.url())->chat(body, nullptr);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, "{\"ok\":true}");
  EXPECT_THAT(server.request(), HasSubstr("POST /v1/chat/completions"));
  EXPECT_THAT(server.request(), HasSubstr("Authorization: Bearer secret"));
  EXPECT_THAT(server.request(), HasSubstr(body));
}

TEST(OpenAiClientTest, StreamsUntilDone) {
  const OneAnswerServer server(
      response(200, "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", "text/event-stream"));
  std::vector<std::string> events;
  const auto done = client_for(server.url())
                        ->stream_chat(
                            "{}",
                            [&](std::string_view data) {
                              events.emplace_back(data);
                              return true;
                            },
                            nullptr);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(events, ElementsAre("1", "2"));
}

TEST(OpenAiClientTest, CompletionsGoToTheirOwnPath) {
  const OneAnswerServer whole(response(200, "{\"ok\":true}", "application/json"));
  const std::string body = R"({ "prompt_embeds": "x" })";
  EXPECT_EQ(*client_for(whole.url())->completions(body, nullptr), "{\"ok\":true}");
  EXPECT_THAT(whole.request(), HasSubstr("POST /v1/completions"));
  EXPECT_THAT(whole.request(), HasSubstr(body));
  const OneAnswerServer streamed(response(200, "data: 1\n\ndata: [DONE]\n\n", "text/event-stream"));
  std::vector<std::string> events;
  const auto take = [&](std::string_view data) {
    events.emplace_back(data);
    return true;
  };
  ASSERT_TRUE(client_for(streamed.url())->stream_completions("{}", take, nullptr));
  EXPECT_THAT(streamed.request(), HasSubstr("POST /v1/completions"));
  EXPECT_THAT(events, ElementsAre("1"));
}

TEST(OpenAiClientTest, AStreamThatBreaksOffIsAnError) {
  const OneAnswerServer server(response(200, "data: 1\n\n", "text/event-stream"));
  const auto done = client_for(server.url())
                        ->stream_chat(
                            "{}", [](std::string_view) { return true; }, nullptr);
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
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
