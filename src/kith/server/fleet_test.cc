// GET /v1/personas/{id}/stats over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

constexpr const char* kPath = "/v1/personas/leadership/stats";
constexpr const char* kChatPath = "/v1/chat/completions";

base::Json stats_of(TestServer& server, const std::string& query = {}) {
  const TestResponse response = call(server.port(), "GET", kPath + query);
  EXPECT_EQ(response.status, 200) << response.body;
  const auto json = base::parse_json(response.body);
  return json ? *json : base::Json();
}

// Asks once as the director of that id; returns the decision.
std::string ask_as(TestServer& server, const std::string& id) {
  const storage::Scope scope{TenantId("default"), UserId(id)};
  EXPECT_TRUE(server.stores().users().upsert(scope, {{"grade", "director"}}, 1));
  const TestResponse response = post_json(server.port(), kChatPath, kChat, {{"X-Kith-User", id}});
  EXPECT_EQ(response.status, 200) << response.body;
  return response.headers.at("x-kith-decision");
}

TEST(FleetTest, CountsAnswersUsersThumbsAndNewcomers) {
  TestServerOptions options = plain_options();
  options.server.min_fleet_users = 2;
  TestServer server(options);
  ask_as(server, "anna");
  const std::string decision = ask_as(server, "bert");
  EXPECT_EQ(post_json(server.port(), "/v1/feedback",
                      R"({"decision":")" + decision +
                          R"(","user":"bert","signals":[{"kind":"thumb","value":-1}]})")
                .status,
            200);
  const base::Json stats = stats_of(server);
  EXPECT_EQ(stats["size"], 2);
  EXPECT_EQ(stats["share_of_users"], 1.0);
  EXPECT_EQ(stats["total"]["requests"], 2);
  EXPECT_EQ(stats["total"]["users"], 2);
  EXPECT_EQ(stats["total"]["thumbs_down"], 1);
  EXPECT_EQ(stats["total"]["thumbs_up"], 0);
  EXPECT_EQ(stats["total"]["joined"], 2);
  EXPECT_EQ(stats["total"]["share"], 1.0);
  ASSERT_EQ(stats["buckets"].size(), 30U);
  EXPECT_EQ(stats["buckets"][29]["requests"], 2);
  EXPECT_EQ(stats["buckets"][0]["size"], 0);
}

TEST(FleetTest, WhatOneUserDidIsWithheldAndNoUserIsEverNamed) {
  TestServer server;
  ask_as(server, "anna");
  const TestResponse response = call(server.port(), "GET", kPath);
  EXPECT_EQ(base::parse_json(response.body)->at("total")["withheld"], true);
  EXPECT_THAT(response.body, testing::Not(testing::HasSubstr("anna")));
}

TEST(FleetTest, AnErasedUserIsInNoFigure) {
  TestServerOptions options = plain_options();
  options.server.min_fleet_users = 1;
  TestServer server(options);
  ask_as(server, "anna");
  ask_as(server, "bert");
  EXPECT_EQ(call(server.port(), "DELETE", "/v1/users/anna").status, 200);
  const base::Json stats = stats_of(server);
  EXPECT_EQ(stats["size"], 1);
  EXPECT_EQ(stats["total"]["requests"], 1);
  EXPECT_EQ(stats["total"]["joined"], 1);
}

TEST(FleetTest, AnotherTenantsUsersAreNotCounted) {
  TestServerOptions options = plain_options();
  options.server.min_fleet_users = 1;
  TestServer server(options);
  ask_as(server, "anna");
  const TestResponse response = call(server.port(), "GET", kPath, {{"X-Kith-Tenant", "globex"}});
  EXPECT_EQ(base::parse_json(response.body)->at("size"), 0);
}

TEST(FleetTest, RefusesWhatItCannotTell) {
  TestServer server;
  EXPECT_EQ(call(server.port(), "GET", "/v1/personas/nobody/stats").status, 404);
  EXPECT_EQ(call(server.port(), "GET", std::string(kPath) + "?from=soon").status, 400);
  EXPECT_EQ(call(server.port(), "GET", std::string(kPath) + "?bucket=hour").status, 400);
  const std::string key = server.add_key(storage::KeyRole::kEndUser);
  EXPECT_EQ(call(server.port(), "GET", kPath, {{"Authorization", "Bearer " + key}}).status, 403);
}

}  // namespace
}  // namespace kith::server
