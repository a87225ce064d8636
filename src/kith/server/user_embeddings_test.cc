// What the user encoder says of users, through a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"

namespace kith::server {
namespace {

using base::Json;

Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

TestHeaders bearer(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }

// Knows u1, whose neighbour is u2, and takes a mean for everybody else.
class FakeUserEmbeddings final : public UserEmbeddingService {
 public:
  Result<std::optional<UserEmbeddingView>> find(const storage::Scope& scope) override {
    if (scope.user == UserId("refuses")) return std::optional<UserEmbeddingView>{};
    UserEmbeddingView view{"v1", 7, 5, 9, {0.5F, -0.25F}, 16, true, 0, false};
    if (scope.user != UserId("u1")) view = {"v1", 0, {}, 9, {0.5F, -0.25F}, 16, false, 12, true};
    return std::optional<UserEmbeddingView>(view);
  }
  Result<SimilarUsers> similar(const storage::Scope& scope, std::size_t k) override {
    if (scope.user == UserId("refuses")) {
      return Error{ErrorCode::kNotFound, "there is no embedding to compare"};
    }
    asked_k = k;
    return SimilarUsers{
        "v1", false, {{UserId("u2"), PersonaId("field"), 0.75, {{"need", {"vpn", "crew"}}}}}};
  }
  Result<SimilarUsers> near_cohort(const storage::TenantScope&, const Cohort& cohort,
                                   std::size_t k) override {
    asked_k = k;
    asked = cohort;
    return SimilarUsers{"v1", true, {}};
  }
  std::vector<std::string> features() const override { return {"need"}; }
  Result<std::vector<NextValue>> next_values(const storage::Scope&, const std::string& feature,
                                             std::size_t k) override {
    if (feature != "need") return Error{ErrorCode::kNotFound, "no feature of that name"};
    asked_k = k;
    return std::vector<NextValue>{{"vpn", 0.5}};
  }
  Result<UserMap> map(const storage::TenantScope&, std::size_t limit) override {
    asked_k = limit;
    return UserMap{"v1", 3, {{UserId("u1"), PersonaId("field"), {1.5F, -2.0F}}}};
  }
  void wake() override { ++num_wakes; }
  void forget(const storage::Scope&) override {}

  std::size_t asked_k = 0;
  Cohort asked;
  int num_wakes = 0;
};

class UserEmbeddingsTest : public testing::Test {
 protected:
  UserEmbeddingsTest() {
    TestServerOptions options = plain_options();
    options.user_embeddings = &embeddings_;
    server_ = std::make_unique<TestServer>(options);
    headers_ = bearer(server_->add_key(storage::KeyRole::kOperator));
  }

  Json get(const std::string& target, int status = 200) {
    const auto reply = call(server_->port(), "GET", target, headers_);
    EXPECT_EQ(reply.status, status) << reply.body;
    return parsed(reply.body);
  }
  Json post(const std::string& body, int status = 200) {
    const auto reply = post_json(server_->port(), "/v1/user-cohort", body, headers_);
    EXPECT_EQ(reply.status, status) << reply.body;
    return parsed(reply.body);
  }

  FakeUserEmbeddings embeddings_;
  std::unique_ptr<TestServer> server_;
  TestHeaders headers_;
};

TEST_F(UserEmbeddingsTest, AnEmbeddingSaysWhatItWasMadeOfAndWhetherItIsAMean) {
  const Json own = get("/v1/users/u1/embedding");
  EXPECT_EQ(own["encoder_version"], "v1");
  EXPECT_EQ(own["num_events"], 7);
  EXPECT_EQ(own["last_event_at"], "1970-01-01T00:00:00.000005Z");
  EXPECT_EQ(own["embedding"], Json::array({0.5, -0.25}));
  EXPECT_EQ(own["num_latents"], 16);
  EXPECT_TRUE(own["is_current"]);
  EXPECT_FALSE(own.contains("mean_of"));
  const Json mean = get("/v1/users/new/embedding");
  EXPECT_EQ(mean["mean_of"], Json({{"users", 12}, {"group", "persona"}}));
  EXPECT_FALSE(mean.contains("last_event_at"));
  get("/v1/users/refuses/embedding", 404);
}

TEST_F(UserEmbeddingsTest, SimilarUsersComeWithReasons) {
  const Json similar = get("/v1/users/u1/similar?k=3");
  EXPECT_EQ(embeddings_.asked_k, 3U);
  EXPECT_EQ(similar["data"][0], Json({{"id", "u2"},
                                      {"cosine", 0.75},
                                      {"persona", "field"},
                                      {"shared", {{"need", Json::array({"vpn", "crew"})}}}}));
  get("/v1/users/u1/similar?k=0", 400);
  get("/v1/users/u1/similar?k=many", 400);
  get("/v1/users/refuses/similar", 404);
}

TEST_F(UserEmbeddingsTest, ACohortIsSomeUsersOrAPersona) {
  EXPECT_TRUE(post(R"({"users":["u1","u2"],"k":4})")["is_mean"]);
  EXPECT_EQ(embeddings_.asked_k, 4U);
  EXPECT_EQ(embeddings_.asked.users, (std::vector{UserId("u1"), UserId("u2")}));
  post(R"({"persona":"field"})");
  EXPECT_EQ(embeddings_.asked.persona, PersonaId("field"));
  EXPECT_EQ(embeddings_.asked_k, 10U);
  for (const char* bad :
       {"{}", R"({"users":["u1"],"persona":"field"})", R"({"users":"u1"})", R"({"users":[1]})",
        R"({"persona":"field","k":0})", R"({"persona":"field","k":"x"})", "[]", "{"}) {
    post(bad, 400);
  }
}

TEST_F(UserEmbeddingsTest, TheMapAndTheNextValuesAreLists) {
  const Json map = get("/v1/user-map?limit=5");
  EXPECT_EQ(embeddings_.asked_k, 5U);
  EXPECT_EQ(map["num_users"], 3);
  EXPECT_EQ(map["data"][0], Json({{"id", "u1"}, {"x", 1.5}, {"y", -2.0}, {"persona", "field"}}));
  const Json next = get("/v1/users/u1/next");
  EXPECT_EQ(next["feature"], "need");
  EXPECT_EQ(next["data"][0], Json({{"value", "vpn"}, {"probability", 0.5}}));
  get("/v1/users/u1/next?feature=none", 404);
}

TEST_F(UserEmbeddingsTest, AnImportOfEventsWakesTheEncoder) {
  TestHeaders headers = headers_;
  headers.emplace_back("Content-Type", "application/jsonl");
  const auto reply = call(server_->port(), "POST", "/v1/import/events", headers,
                          R"({"user":"u1","kind":"click","at":"2026-01-01"})");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(embeddings_.num_wakes, 1);
}

TEST(UserEmbeddingsWithoutEncoderTest, SaySo) {
  TestServer server;
  const auto reply = call(server.port(), "GET", "/v1/users/u1/embedding",
                          bearer(server.add_key(storage::KeyRole::kOperator)));
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, testing::HasSubstr("user_encoder.directory"));
}

}  // namespace
}  // namespace kith::server
