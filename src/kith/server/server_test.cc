// How the server speaks HTTP, over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// Checks that the body is an error as OpenAI clients read it.
void expect_error(const TestResponse& response, int status) {
  EXPECT_EQ(response.status, status) << response.body;
  const auto json = base::parse_json(response.body);
  ASSERT_TRUE(json) << response.body;
  ASSERT_TRUE(json->contains("error")) << response.body;
  const base::Json& error = (*json)["error"];
  EXPECT_EQ(error.size(), 4U);
  EXPECT_TRUE(error["message"].is_string());
  EXPECT_TRUE(error["type"].is_string());
  EXPECT_TRUE(error["param"].is_string() || error["param"].is_null());
  EXPECT_TRUE(error["code"].is_string() || error["code"].is_null());
}

TEST(ServerTest, KeepsTheConnectionForFurtherRequests) {
  TestServer server;
  TestClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(request_text("GET", "/healthz"));
    const TestResponse response = client.receive();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"status":"ok"})");
    EXPECT_EQ(response.headers.at("content-type"), "application/json");
    EXPECT_TRUE(response.headers.contains("date"));
  }
}

TEST(ServerTest, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  TestClient client(server.port());
  client.send(
      request_text("GET", "/healthz") + request_text("GET", "/nowhere") +
      request_text("POST", "/v1/chat/completions", {{"Content-Type", "application/json"}}, kChat) +
      request_text("GET", "/readyz", {{"Connection", "close"}}));
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().status, 404);
  EXPECT_THAT(client.receive().body, HasSubstr("alpha beta gamma"));
  EXPECT_THAT(client.receive().body, HasSubstr("ready"));
  EXPECT_TRUE(client.is_closed());
}

TEST(ServerTest, RequestIdsAreTakenOverIfDecent) {
  TestServer server;
  const auto id = [&](const std::string& sent) {
    return call(server.port(), "GET", "/healthz", {{"X-Request-Id", sent}})
        .headers.at("x-request-id");
  };
  EXPECT_EQ(id("trace-1.a_B"), "trace-1.a_B");
  EXPECT_TRUE(id("bad id").starts_with("req-"));
  EXPECT_NE(id("bad id"), id("bad id"));
}

TEST(ServerTest, HeadSendsTheHeaderAlone) {
  TestServer server;
  TestClient client(server.port());
  client.send(request_text("HEAD", "/healthz") + request_text("GET", "/healthz"));
  EXPECT_EQ(client.receive(true).headers.at("content-length"), "15");
  EXPECT_EQ(client.receive().body, R"({"status":"ok"})");
}

TEST(ServerTest, UnknownPathsAndMethodsAreNamed) {
  TestServer server;
  expect_error(call(server.port(), "GET", "/v1/nothing"), 404);
  const TestResponse response = call(server.port(), "DELETE", "/v1/chat/completions");
  expect_error(response, 405);
  EXPECT_EQ(response.headers.at("allow"), "POST");
  expect_error(
      call(server.port(), "POST", "/v1/chat/completions", {{"Content-Type", "text/plain"}}, kChat),
      415);
  expect_error(call(server.port(), "POST", "/v1/chat/completions", {}, kChat), 415);
}

TEST(ServerTest, MalformedHttpIsRefusedAndTheConnectionClosed) {
  TestServer server;
  for (const char* bytes :
       {"NONSENSE\r\n\r\n", "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
        "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    TestClient client(server.port());
    client.send(bytes);
    expect_error(client.receive(), 400);
    EXPECT_TRUE(client.is_closed()) << bytes;
  }
}

TEST(ServerTest, HeadersAndBodiesHaveLimits) {
  TestServerOptions options = plain_options();
  options.server.max_body_bytes = 100'000;
  TestServer server(options);
  expect_error(call(server.port(), "GET", "/healthz", {{"X-Long", std::string(40'000, 'x')}}), 431);
  expect_error(post_json(server.port(), "/v1/chat/completions", std::string(100'001, ' ')), 413);
  // Just within the limit it is read, and found to be no JSON.
  expect_error(post_json(server.port(), "/v1/chat/completions", std::string(100'000, ' ')), 400);
}

TEST(ServerTest, ChunkedBodiesAreReadAndLimited) {
  TestServerOptions options = plain_options();
  options.server.max_body_bytes = 2'000;
  TestServer server(options);
  const std::string head =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  TestClient client(server.port());
  client.send(head + "a\r\n" + kChat.substr(0, 10) + "\r\n");
  client.send("2c\r\n" + kChat.substr(10, 44) + "\r\n0\r\n\r\n");
  ASSERT_EQ(kChat.size(), 54U);
  EXPECT_EQ(client.receive().status, 200);
  TestClient greedy(server.port());
  greedy.send(head + "bb8\r\n" + std::string(3'000, ' ') + "\r\n");
  expect_error(greedy.receive(), 413);
}

TEST(ServerTest, LargeBodiesOfStrangersAreNotRead) {
  TestServer server;
  server.add_key(storage::KeyRole::kOperator);
  TestClient client(server.port());
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 30000000\r\n\r\n");
  expect_error(client.receive(), 401);
}

TEST(ServerTest, ExpectContinueIsAnswered) {
  TestServer server;
  TestClient client(server.port());
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: 54\r\n\r\n");
  EXPECT_EQ(client.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(kChat);
  EXPECT_THAT(client.receive_until("gamma"), HasSubstr("HTTP/1.1 200 OK"));
}

TEST(ServerTest, Http10GetsAnAnswerAndTheEndOfTheConnection) {
  TestServer server;
  TestClient client(server.port());
  client.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_TRUE(client.is_closed());
}

TEST(ServerTest, SlowClientsAreTimedOut) {
  TestServerOptions options = plain_options();
  options.server.header_timeout = milliseconds(100);
  options.server.body_timeout = milliseconds(100);
  options.server.idle_timeout = milliseconds(100);
  TestServer server(options);
  TestClient header(server.port());
  header.send("GET /healthz HT");
  expect_error(header.receive(), 408);
  EXPECT_TRUE(header.is_closed());
  TestClient body(server.port());
  body.send(request_text("POST", "/v1/chat/completions",
                         {{"Content-Type", "application/json"}, {"Content-Length", "54"}}));
  body.send("{\"mess");
  expect_error(body.receive(), 408);
  TestClient idle(server.port());
  EXPECT_TRUE(idle.is_closed());
}

TEST(ServerTest, TooManyConnectionsAreTurnedAway) {
  TestServerOptions options = plain_options();
  options.server.max_connections = 2;
  TestServer server(options);
  TestClient first(server.port());
  TestClient second(server.port());
  first.send(request_text("GET", "/healthz"));
  EXPECT_EQ(first.receive().status, 200);
  second.send(request_text("GET", "/healthz"));
  EXPECT_EQ(second.receive().status, 200);
  {
    TestClient third(server.port());
    third.send(request_text("GET", "/healthz"));
    const TestResponse response = third.receive();
    expect_error(response, 429);
    EXPECT_EQ(response.headers.at("retry-after"), "1");
  }
  first.close();
  EXPECT_TRUE(eventually([&] { return call(server.port(), "GET", "/healthz").status == 200; }));
}

TEST(ServerTest, PortInUseIsAClearError) {
  TestServer server;
  ServerOptions options;
  options.port = server.port();
  const auto second = Server::create(options, server.services());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr("port " + std::to_string(server.port())));
}

TEST(ServerTest, OtherHostsNeedAKey) {
  TestServer server;
  ServerOptions options;
  options.port = 0;
  options.host = "0.0.0.0";
  const auto open = Server::create(options, server.services());
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(open.error().message, HasSubstr("key"));
  server.add_key(storage::KeyRole::kOperator);
  EXPECT_TRUE(Server::create(options, server.services()));
  options.host = "not-an-address";
  EXPECT_FALSE(Server::create(options, server.services()));
}

TEST(ServerTest, PagesOfOtherOriginsAreKeptOut) {
  TestServer server;
  const std::string port = std::to_string(server.port());
  const auto status = [&](const TestHeaders& headers) {
    return call(server.port(), "GET", "/v1/models", headers).status;
  };
  EXPECT_EQ(status({}), 200);
  EXPECT_EQ(status({{"Host", "127.0.0.1:" + port}, {"Origin", "http://127.0.0.1:" + port}}), 200);
  EXPECT_EQ(status({{"Origin", "https://evil.example"}}), 403);
  EXPECT_EQ(status({{"Origin", "null"}}), 403);
  EXPECT_EQ(status({{"Host", "evil.example"}}), 403);
  // A name, not an address: its owner may point it here.
  EXPECT_EQ(
      status({{"Host", "127.evil.example:" + port}, {"Origin", "http://127.evil.example:" + port}}),
      403);
  EXPECT_EQ(status({{"X-Forwarded-For", "10.0.0.1"}}), 403);
}

TEST(ServerTest, ListedOriginsMayCall) {
  TestServerOptions options = plain_options();
  options.server.cors_origins = {"https://desk.example"};
  TestServer server(options);
  const TestHeaders headers{{"Origin", "https://desk.example"},
                            {"Access-Control-Request-Method", "POST"}};
  const TestResponse preflight = call(server.port(), "OPTIONS", "/v1/chat/completions", headers);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.headers.at("access-control-allow-origin"), "https://desk.example");
  const TestResponse answer = post_json(server.port(), "/v1/chat/completions", kChat, headers);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("access-control-allow-origin"), "https://desk.example");
  const TestResponse other =
      call(server.port(), "OPTIONS", "/v1/chat/completions", {{"Origin", "https://evil.example"}});
  EXPECT_EQ(other.status, 405);
  EXPECT_FALSE(other.headers.contains("access-control-allow-origin"));
}

TEST(ServerTest, StopLetsRunningRequestsFinish) {
  TestServerOptions options = plain_options();
  options.server.drain_timeout = milliseconds(5'000);
  TestServer server(options);
  std::atomic<bool> may_go_on = false;
  server.generator.before_word = [&](int) {
    EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    return Status();
  };
  TestClient idle(server.port());
  TestClient busy(server.port());
  busy.send(
      request_text("POST", "/v1/chat/completions", {{"Content-Type", "application/json"}}, kChat));
  ASSERT_TRUE(eventually([&] { return server.generator.num_running == 1; }));
  server.server().stop();
  EXPECT_TRUE(idle.is_closed());
  may_go_on = true;
  EXPECT_THAT(busy.receive().body, HasSubstr("alpha beta gamma"));
  EXPECT_TRUE(busy.is_closed());
}

TEST(ServerTest, StopCancelsWhatDoesNotFinish) {
  TestServerOptions options = plain_options();
  options.server.drain_timeout = milliseconds(50);
  TestServer server(options);
  server.generator.words.assign(100'000, " word");
  server.generator.before_word = [&](int) {
    std::this_thread::sleep_for(milliseconds(2));
    return Status();
  };
  TestClient busy(server.port());
  busy.send(
      request_text("POST", "/v1/chat/completions", {{"Content-Type", "application/json"}}, kChat));
  ASSERT_TRUE(eventually([&] { return server.generator.num_running == 1; }));
  server.server().stop();
  EXPECT_TRUE(eventually([&] { return server.generator.num_cancelled == 1; }));
}

TEST(ServerTest, ReadinessFollowsTheModel) {
  TestServer server;
  EXPECT_EQ(call(server.port(), "GET", "/readyz").status, 200);
  server.generator.is_ready = false;
  expect_error(call(server.port(), "GET", "/readyz"), 503);
  EXPECT_EQ(call(server.port(), "GET", "/healthz").status, 200);
}

TEST(ServerTest, MetricsCountRequestsByRoute) {
  TestServer server;
  call(server.port(), "GET", "/v1/users/some-secret-user");
  call(server.port(), "BREW", "/v1/models");
  EXPECT_TRUE(eventually([&] {
    const std::string text = call(server.port(), "GET", "/metrics").body;
    EXPECT_EQ(text.find("some-secret-user"), std::string::npos);
    return text.find("route=\"/v1/users/{id}\",status=\"404\"} 1") != std::string::npos &&
           text.find("method=\"other\"") != std::string::npos;
  }));
}

}  // namespace
}  // namespace kith::server
