// POST /v1/embeddings through a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using testing::HasSubstr;

constexpr const char* kTarget = "/v1/embeddings";

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : base::Json();
}

TEST(EmbeddingsTest, AnswersInTheOrderOfTheInputs) {
  TestServer server;
  const auto response =
      post_json(server.port(), kTarget, R"({"input":["one","two"],"model":"any"})");
  EXPECT_EQ(response.status, 200);
  const base::Json body = parsed(response.body);
  EXPECT_EQ(body["data"].size(), 2U);
  EXPECT_EQ(body["data"][1]["index"], 1);
  EXPECT_EQ(body["data"][1]["embedding"].size(), 3U);
  EXPECT_EQ(body["model"], "embed-test");
  EXPECT_EQ(body["usage"]["total_tokens"], 6);
  const std::string metrics = call(server.port(), "GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("kith_embedded_texts_total 2"));
  EXPECT_THAT(metrics, HasSubstr("kith_tokens_total{kind=\"embedding\"} 6"));
}

TEST(EmbeddingsTest, UnknownMembersAreIgnoredUnlessTheServerRefusesThem) {
  const std::string body = R"({"input":"a","input_type":"query"})";
  TestServer server;
  const TestResponse ignored = post_json(server.port(), kTarget, body);
  EXPECT_EQ(ignored.status, 200);
  EXPECT_EQ(ignored.headers.at("x-kith-ignored"), "input_type");
  TestServerOptions options = plain_options();
  options.server.ignores_unknown_fields = false;
  TestServer strict(options);
  const TestResponse refused = post_json(strict.port(), kTarget, body);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(parsed(refused.body)["error"]["param"], "input_type");
}

TEST(EmbeddingsTest, NamesTheMemberAtFault) {
  TestServer server;
  const auto param_of = [&](const std::string& body) {
    const auto response = post_json(server.port(), kTarget, body);
    EXPECT_EQ(response.status, 400) << body;
    return parsed(response.body)["error"]["param"];
  };
  EXPECT_EQ(param_of(R"({"input":[]})"), "input");
  EXPECT_EQ(param_of(R"({"input":"a","dimensions":4})"), "dimensions");
  server.embeddings.failure = Error{ErrorCode::kInvalidArgument, "text 0: too long"};
  EXPECT_EQ(param_of(R"({"input":"a"})"), "input");
}

TEST(EmbeddingsTest, TellsHowToGetAModelWhereThereIsNone) {
  TestServerOptions options = plain_options();
  options.has_embeddings = false;
  TestServer server(std::move(options));
  const auto response = post_json(server.port(), kTarget, R"({"input":"a"})");
  EXPECT_EQ(response.status, 404);
  const base::Json error = parsed(response.body)["error"];
  EXPECT_EQ(error["code"], "model_not_found");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("--embedding-model"));
  EXPECT_EQ(parsed(call(server.port(), "GET", "/v1/models").body)["data"].size(), 2U);
}

TEST(EmbeddingsTest, TheModelIsListed) {
  TestServer server;
  EXPECT_EQ(parsed(call(server.port(), "GET", "/v1/models").body)["data"][2]["id"], "embed-test");
  EXPECT_EQ(call(server.port(), "GET", "/v1/models/embed-test").status, 200);
}

TEST(EmbeddingsTest, AnUpstreamSeesEverythingButTheUser) {
  TestServer server;
  server.embeddings.passes_on = true;
  const auto response =
      post_json(server.port(), kTarget,
                R"({"input":"a","user":"anna","input_type":"query","dimensions":99})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(parsed(response.body),
            *base::parse_json(R"({"input":"a","input_type":"query","dimensions":99})"));
  EXPECT_EQ(parsed(call(server.port(), "GET", "/v1/models").body)["data"].size(), 2U);
}

TEST(EmbeddingsTest, AKeyOfAUserCannotNameAnother) {
  TestServer server;
  const std::string key = server.add_key(storage::KeyRole::kEndUser, "anna");
  const TestHeaders headers{{"Authorization", "Bearer " + key}};
  EXPECT_EQ(post_json(server.port(), kTarget, R"({"input":"a","user":"bert"})", headers).status,
            403);
  EXPECT_EQ(post_json(server.port(), kTarget, R"({"input":"a","user":"anna"})", headers).status,
            200);
}

TEST(EmbeddingsTest, AClientThatLeavesCancelsItsRequest) {
  TestServer server;
  server.embeddings.hangs = true;
  {
    TestClient client(server.port());
    client.send(
        request_text("POST", kTarget, {{"Content-Type", "application/json"}}, R"({"input":"a"})"));
    ASSERT_TRUE(eventually([&] { return server.embeddings.num_waiting == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return server.embeddings.num_cancelled == 1; }));
}

}  // namespace
}  // namespace kith::server
