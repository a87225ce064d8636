// Who may call what, and the calls about users, documents and imports.
#include "kith/server/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using testing::HasSubstr;
using testing::Not;

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : base::Json();
}

TestHeaders bearer(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }

// The pattern with its parameters filled in for user anna.
std::string target_of(const Route& route) {
  std::string target(route.pattern);
  const auto replace = [&](const std::string& name, const std::string& value) {
    const std::size_t at = target.find(name);
    if (at != std::string::npos) target.replace(at, name.size(), value);
  };
  replace("{id}", target.starts_with("/v1/users") ? "anna" : "kith-test");
  replace("{kind}", "users");
  return target;
}

std::string body_of(const Route& route) {
  if (route.pattern == "/v1/chat/completions") return kChat;
  if (route.pattern == "/v1/embeddings") return R"({"input":"hello"})";
  if (route.pattern == "/v1/completions") return R"({"prompt":"Once"})";
  if (route.pattern == "/v1/load_lora_adapter") {
    return R"({"lora_name":"leadership","lora_path":"leadership"})";
  }
  if (route.pattern == "/v1/unload_lora_adapter") return R"({"lora_name":"leadership"})";
  if (route.pattern == "/v1/feedback") {
    return R"({"decision":"d","user":"anna","signals":[{"kind":"thumb","value":1}]})";
  }
  if (route.body == BodyKind::kJson) return R"({"consent":{"learn":true}})";
  return route.body == BodyKind::kRecords ? R"({"id":"x1"})" : "";
}

int status_of(const TestServer& server, const Route& route, TestHeaders headers) {
  if (route.body != BodyKind::kNone) headers.emplace_back("Content-Type", "application/json");
  return call(server.port(), std::string(route.method), target_of(route), headers, body_of(route))
      .status;
}

TEST(RoutesTest, EveryRouteAsksForItsRole) {
  TestServer server;
  const std::string boss = server.add_key(storage::KeyRole::kOperator);
  for (const Route& route : all_routes()) {
    const std::string name = std::string(route.method) + " " + std::string(route.pattern);
    const bool is_public = route.access == Access::kPublic;
    EXPECT_EQ(status_of(server, route, {}) == 401, !is_public) << name;
    EXPECT_EQ(status_of(server, route, bearer("kith-none-none")) == 401, !is_public) << name;
    // One for each route: erasing a user takes the keys along.
    const std::string end_user = server.add_key(storage::KeyRole::kEndUser, "anna");
    const int as_user = status_of(server, route, bearer(end_user));
    EXPECT_EQ(as_user == 403, route.access == Access::kOperator) << name;
    EXPECT_NE(as_user, 401) << name;
    const int as_boss = status_of(server, route, bearer(boss));
    EXPECT_TRUE(as_boss == 200 || as_boss == 404) << name << " " << as_boss;
  }
}

TEST(RoutesTest, EveryRouteIsDescribed) {
  TestServer server;
  const base::Json paths = parsed(call(server.port(), "GET", "/openapi.json").body)["paths"];
  int num_described = 0;
  for (const auto& [path, methods] : paths.items()) {
    for (const char* method : {"get", "put", "post", "delete"}) {
      num_described += methods.contains(method) ? 1 : 0;
    }
  }
  EXPECT_EQ(num_described, static_cast<int>(all_routes().size()));
  for (const Route& route : all_routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const std::string path(route.pattern);
    EXPECT_TRUE(paths.contains(path) && paths[path].contains(method)) << path;
  }
}

TEST(RoutesTest, BoundKeyTouchesItsUserOnly) {
  TestServer server;
  const TestHeaders anna = bearer(server.add_key(storage::KeyRole::kEndUser, "anna"));
  const TestHeaders boss = bearer(server.add_key(storage::KeyRole::kOperator));
  for (const char* user : {"anna", "bert"}) {
    TestHeaders json = boss;
    json.emplace_back("Content-Type", "application/json");
    EXPECT_EQ(call(server.port(), "PUT", std::string("/v1/users/") + user, json,
                   R"({"attributes":{"grade":"trainee"}})")
                  .status,
              200);
  }
  for (const char* rest : {"", "/profile", "/export"}) {
    EXPECT_EQ(call(server.port(), "GET", std::string("/v1/users/anna") + rest, anna).status, 200);
    EXPECT_EQ(call(server.port(), "GET", std::string("/v1/users/bert") + rest, anna).status, 403);
  }
  EXPECT_EQ(call(server.port(), "DELETE", "/v1/users/bert", anna).status, 403);
  EXPECT_EQ(post_json(server.port(), "/v1/chat/completions",
                      kChat.substr(0, kChat.size() - 1) + R"(,"user":"bert"})", anna)
                .status,
            403);
  // Decisions of others are as if they were not there.
  TestHeaders for_bert = boss;
  for_bert.emplace_back("X-Kith-User", "bert");
  const std::string decision = parsed(
      post_json(server.port(), "/v1/chat/completions", kChat, for_bert).body)["kith"]["decision"];
  EXPECT_EQ(call(server.port(), "GET", "/v1/decisions/" + decision, boss).status, 200);
  EXPECT_EQ(call(server.port(), "GET", "/v1/decisions/" + decision, anna).status, 404);
}

TEST(RoutesTest, UsersCannotRaiseTheirOwnRights) {
  TestServer server;
  TestHeaders anna = bearer(server.add_key(storage::KeyRole::kEndUser, "anna"));
  anna.emplace_back("Content-Type", "application/json");
  EXPECT_EQ(
      call(server.port(), "PUT", "/v1/users/anna", anna, R"({"attributes":{"grade":"director"}})")
          .status,
      403);
  const TestResponse consent =
      call(server.port(), "PUT", "/v1/users/anna", anna, R"({"consent":{"learn":false}})");
  EXPECT_EQ(consent.status, 200);
  EXPECT_EQ(parsed(consent.body)["consent"]["learn"], false);
}

TEST(RoutesTest, LocalTokenGivesTheOperatorsRights) {
  TestServerOptions options = plain_options();
  options.server.local_token = "local-token-of-this-run";
  TestServer server(options);
  server.add_key(storage::KeyRole::kEndUser, "anna");
  EXPECT_EQ(call(server.port(), "GET", "/v1/users").status, 401);
  EXPECT_EQ(call(server.port(), "GET", "/v1/users", bearer("local-token-of-this-run")).status, 200);
  EXPECT_EQ(call(server.port(), "GET", "/v1/users", bearer("local-token-of-this-ruN")).status, 401);
}

TEST(RoutesTest, RevokedKeysOpenNothing) {
  TestServer server;
  const std::string key = server.add_key(storage::KeyRole::kOperator);
  EXPECT_EQ(call(server.port(), "GET", "/v1/users", bearer(key)).status, 200);
  const auto rows = server.stores().keys().list({TenantId("default")});
  ASSERT_TRUE(server.stores().keys().revoke({TenantId("default")}, rows->at(0).id, 5));
  EXPECT_EQ(call(server.port(), "GET", "/v1/users", bearer(key)).status, 401);
  EXPECT_EQ(call(server.port(), "GET", "/v1/users").status, 401);
}

TEST(RoutesTest, UserIsStoredShownExportedAndErased) {
  TestServer server;
  const TestHeaders json{{"Content-Type", "application/json"}};
  const std::string path = "/v1/users/a%2Fb%20%E7%94%A8";
  EXPECT_EQ(call(server.port(), "GET", path).status, 404);
  const TestResponse put =
      call(server.port(), "PUT", path, json,
           R"({"attributes":{"grade":"director","address":{"city":"Leeds"}}})");
  ASSERT_EQ(put.status, 200) << put.body;
  const base::Json user = parsed(call(server.port(), "GET", path).body);
  EXPECT_EQ(user["id"], "a/b 用");
  EXPECT_EQ(user["attributes"]["address.city"], "Leeds");
  const base::Json profile = parsed(call(server.port(), "GET", path + "/profile").body);
  EXPECT_GT(profile["persona"]["leadership"].get<double>(), 0.5);
  EXPECT_FALSE(profile["evidence"].empty());
  const TestResponse exported = call(server.port(), "GET", path + "/export");
  EXPECT_THAT(exported.body, HasSubstr("Leeds"));
  EXPECT_THAT(exported.headers.at("content-disposition"), HasSubstr("attachment"));
  const base::Json receipt = parsed(call(server.port(), "DELETE", path).body);
  EXPECT_GT(receipt["total"].get<int>(), 0);
  EXPECT_EQ(call(server.port(), "GET", path).status, 404);
}

TEST(RoutesTest, AProfileTellsHowSureItIsAndWhoTheUserWas) {
  TestServer server;
  const TestHeaders json{{"Content-Type", "application/json"}};
  const auto profile_of = [&](const std::string& user) {
    return parsed(call(server.port(), "GET", "/v1/users/" + user + "/profile").body);
  };
  call(server.port(), "PUT", "/v1/users/anna", json, R"({"attributes":{"grade":"trainee"}})");
  call(server.port(), "PUT", "/v1/users/bob", json, R"({"attributes":{"city":"Leeds"}})");
  EXPECT_NEAR(profile_of("bob")["abstain"].get<double>(), 0.95, 1e-6);
  call(server.port(), "POST", "/v1/chat/completions",
       {{"Content-Type", "application/json"}, {"X-Kith-User", "anna"}},
       R"({"model":"kith","messages":[{"role":"user","content":"hello"}]})");
  const base::Json before = profile_of("anna");
  EXPECT_NEAR(before["persona"]["leadership"].get<double>() +
                  before["persona"]["new_hire"].get<double>() + before["abstain"].get<double>(),
              1.0, 1e-9);
  EXPECT_FALSE(before.contains("persona_changes"));
  const std::string promoted = "{\"id\":\"anna\",\"attributes\":{\"grade\":\"director\"}}\n";
  call(server.port(), "POST", "/v1/import/users", {{"Content-Type", "application/jsonl"}},
       promoted);
  const base::Json changes = profile_of("anna")["persona_changes"];
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0]["from"], "new_hire");
  EXPECT_EQ(changes[0]["to"], "leadership");
  EXPECT_EQ(changes[0]["reasons"][0]["detail"], "grade=director");
  EXPECT_TRUE(changes[0].contains("at"));
  // By a single update the same way.
  call(server.port(), "PUT", "/v1/users/anna", json, R"({"attributes":{"grade":"trainee"}})");
  EXPECT_EQ(profile_of("anna")["persona_changes"].size(), 2U);
  EXPECT_THAT(call(server.port(), "GET", "/v1/users/anna/export").body,
              HasSubstr("persona_changed"));
}

TEST(RoutesTest, ProfileIsNotMadeWithoutConsent) {
  TestServer server;
  const TestHeaders json{{"Content-Type", "application/json"}};
  call(server.port(), "PUT", "/v1/users/anna", json,
       R"({"attributes":{"grade":"director"},"consent":{"personalize":false}})");
  EXPECT_FALSE(
      parsed(call(server.port(), "GET", "/v1/users/anna/profile").body).contains("persona"));
}

TEST(RoutesTest, ImportCountsAndNamesBadLines) {
  TestServer server;
  const TestHeaders jsonl{{"Content-Type", "application/jsonl"}};
  const std::string users =
      "{\"id\":\"u1\",\"attributes\":{\"grade\":\"director\"}}\nnonsense\n{\"id\":\"u2\"}\n";
  const base::Json report =
      parsed(call(server.port(), "POST", "/v1/import/users", jsonl, users).body);
  EXPECT_EQ(report["added"], 2);
  EXPECT_EQ(report["failed"], 1);
  EXPECT_EQ(report["bad_lines"][0]["line"], 2);
  const base::Json again =
      parsed(call(server.port(), "POST", "/v1/import/users", jsonl, users).body);
  EXPECT_EQ(again["unchanged"], 2);
  const base::Json csv =
      parsed(call(server.port(), "POST", "/v1/import/users", {{"Content-Type", "text/csv"}},
                  "id,attributes.grade\nu3,trainee\n")
                 .body);
  EXPECT_EQ(csv["added"], 1);
  const TestResponse kind = call(server.port(), "POST", "/v1/import/cars", jsonl, users);
  EXPECT_EQ(kind.status, 404);
  const TestResponse page = call(server.port(), "GET", "/v1/users?limit=2");
  EXPECT_EQ(parsed(page.body)["data"].size(), 2U);
  EXPECT_EQ(parsed(page.body)["next"], "u2");
  EXPECT_EQ(parsed(call(server.port(), "GET", "/v1/users?after=u2").body)["data"].size(), 1U);
  EXPECT_EQ(call(server.port(), "GET", "/v1/users?limit=0").status, 400);
}

TEST(RoutesTest, DocumentsOpenForThoseWhoMayReadThem) {
  TestServer server;
  const TestHeaders boss = bearer(server.add_key(storage::KeyRole::kOperator));
  const TestHeaders anna = bearer(server.add_key(storage::KeyRole::kEndUser, "anna"));
  const TestHeaders bert = bearer(server.add_key(storage::KeyRole::kEndUser, "bert"));
  TestHeaders import = boss;
  import.emplace_back("Content-Type", "application/jsonl");
  const std::string documents =
      "{\"id\":\"k1\",\"title\":\"Budget\",\"text\":\"Figures.\",\"access\":[\"leadership\"]}\n"
      "{\"id\":\"k2\",\"title\":\"Menu\",\"text\":\"Soup.\"}\n";
  EXPECT_EQ(
      parsed(call(server.port(), "POST", "/v1/import/knowledge", import, documents).body)["added"],
      2);
  TestHeaders json = boss;
  json.emplace_back("Content-Type", "application/json");
  call(server.port(), "PUT", "/v1/users/anna", json, R"({"attributes":{"grade":"director"}})");
  call(server.port(), "PUT", "/v1/users/bert", json, R"({"attributes":{"grade":"trainee"}})");
  const auto status = [&](const char* id, const TestHeaders& headers) {
    return call(server.port(), "GET", std::string("/v1/knowledge/") + id, headers).status;
  };
  EXPECT_EQ(status("k1", boss), 200);
  EXPECT_EQ(status("k1", anna), 200);
  EXPECT_EQ(status("k1", bert), 404);
  EXPECT_EQ(status("k2", bert), 200);
  EXPECT_EQ(status("k3", boss), 404);
}

TEST(RoutesTest, ModelsListTheAdaptersBelowTheirBase) {
  TestServer server;
  const base::Json models = parsed(call(server.port(), "GET", "/v1/models").body);
  EXPECT_EQ(models["data"][0]["id"], "kith-test");
  EXPECT_EQ(models["data"][1]["id"], "leadership");
  EXPECT_EQ(models["data"][1]["parent"], "kith-test");
  EXPECT_EQ(parsed(call(server.port(), "GET", "/v1/models/leadership").body)["object"], "model");
  // What a request may say for the base model can be looked up too.
  EXPECT_EQ(parsed(call(server.port(), "GET", "/v1/models/kith").body)["id"], "kith-test");
  const TestResponse missing = call(server.port(), "GET", "/v1/models/gpt");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(parsed(missing.body)["error"]["code"], "model_not_found");
}

TEST(RoutesTest, AdaptersAreLoadedAndUnloadedAsVllmDoes) {
  TestServer server;
  const auto post = [&](const char* what, const std::string& body) {
    return post_json(server.port(), "/v1/" + std::string(what) + "_lora_adapter", body);
  };
  const auto loaded =
      post("load", R"({"lora_name":"field","lora_path":"field-v2","load_inplace":true})");
  EXPECT_EQ(loaded.status, 200);
  EXPECT_EQ(loaded.body, "Success: LoRA adapter 'field' added successfully.");
  EXPECT_EQ(server.generator.last_order, "load field field-v2 in place");
  EXPECT_EQ(post("unload", R"({"lora_name":"field"})").status, 200);
  EXPECT_EQ(server.generator.last_order, "unload field");
  EXPECT_EQ(post("unload", R"({"lora_name":"nobody"})").status, 404);
  EXPECT_EQ(post("load", R"({"lora_name":"field"})").status, 400);
  EXPECT_EQ(post("load", R"({"lora_path":"x"})").status, 400);
  EXPECT_EQ(post("load", "[]").status, 400);
}

TEST(RoutesTest, AnAdapterThatIsRefusedNamesTheMember) {
  TestServer server;
  const auto load = [&](const std::string& name) {
    const auto reply = post_json(server.port(), "/v1/load_lora_adapter",
                                 R"({"lora_path":"x","lora_name":")" + name + "\"}");
    EXPECT_EQ(reply.status, 400) << reply.body;
    return parsed(reply.body)["error"];
  };
  EXPECT_EQ(load(server.embeddings.model())["param"], "lora_name");
  server.generator.load_failure =
      Error{ErrorCode::kInvalidArgument, "lora_path: weights must be finite: x"};
  EXPECT_EQ(load("field")["param"], "lora_path");
  server.generator.load_failure =
      Error{ErrorCode::kInvalidArgument, "lora_name must not be that of a model: kith"};
  EXPECT_EQ(load("kith")["param"], "lora_name");
}

TEST(RoutesTest, PersonasShowTheirStyle) {
  TestServer server;
  const base::Json personas = parsed(call(server.port(), "GET", "/v1/personas").body);
  EXPECT_EQ(personas["data"][0]["id"], "leadership");
  EXPECT_EQ(personas["data"][0]["style"]["tone"], "crisp");
}

TEST(RoutesTest, FailingStoreIsNotDescribedToClients) {
  TestServer server;
  server.faults().set_plan({.fail_every = 1});
  const TestResponse response = call(server.port(), "GET", "/v1/users/anna");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("not available now"));
  EXPECT_THAT(response.body, Not(HasSubstr("fault")));
}

TEST(RoutesTest, PlainPageIsServedWithoutTheWebPage) {
  TestServer server;
  const TestResponse response = call(server.port(), "GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.headers.at("content-security-policy"), HasSubstr("default-src 'self'"));
  EXPECT_EQ(call(server.port(), "GET", "/../../etc/passwd").status, 404);
}

}  // namespace
}  // namespace kith::server
