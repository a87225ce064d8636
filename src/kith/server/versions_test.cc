#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/server/test_server.h"
#include "kith/server/version_service.h"

namespace kith::server {
namespace {

using storage::AdapterVersionId;
using storage::AdapterVersionRow;
using storage::VersionStatus;
using testing::HasSubstr;

// Knows two versions of one adapter and writes down what it is told to do.
class FakeVersions final : public VersionService {
 public:
  Result<AdapterId> adapter_of(const std::string& persona) override {
    if (persona == "field_worker") return AdapterId("field");
    return Error{ErrorCode::kNotFound, "no such persona: " + persona};
  }
  Result<std::vector<AdapterVersionRow>> list(const AdapterId&) override {
    return std::vector<AdapterVersionRow>{row(2, VersionStatus::kCandidate),
                                          row(1, VersionStatus::kServing)};
  }
  Result<std::vector<storage::VersionChange>> history(const AdapterId& adapter) override {
    return std::vector<storage::VersionChange>{
        {{adapter, 1}, VersionStatus::kCandidate, VersionStatus::kServing, "ann", "first", 7}};
  }
  Result<persona::ShadowJudgement> judge_shadow(const AdapterVersionId& id,
                                                const persona::ExampleWish& examples) override {
    if (id.version > 2) return Error{ErrorCode::kNotFound, "there is no version field@9"};
    log.push_back("shadow " + std::to_string(examples.most) + " of " + examples.tenant.str());
    return persona::ShadowJudgement{.id = id, .serving = 1, .users = 7};
  }
  Result<AdapterVersionRow> promote(const AdapterVersionId& id,
                                    const persona::ChangeOrder& order) override {
    return act("promote", id, order, VersionStatus::kServing);
  }
  Result<AdapterVersionRow> rollback(const AdapterId& adapter,
                                     const persona::ChangeOrder& order) override {
    return act("rollback", {adapter, 1}, order, VersionStatus::kServing);
  }
  Result<AdapterVersionRow> try_on(const AdapterVersionId& id, VersionStatus as, double share,
                                   const persona::ChangeOrder& order) override {
    return act("try " + std::to_string(share), id, order, as);
  }
  Result<AdapterVersionRow> withdraw(const AdapterVersionId& id,
                                     const persona::ChangeOrder& order) override {
    return act("withdraw", id, order, VersionStatus::kWithdrawn);
  }
  Result<AdapterVersionRow> set_gate(const AdapterVersionId& id, bool passed,
                                     const std::string& document, const std::string& by) override {
    return act(std::string("gate ") + (passed ? "passed " : "failed ") + document, id, {by, ""},
               VersionStatus::kCandidate);
  }

  Result<AdapterVersionRow> register_training(const AdapterId& adapter) override {
    log.push_back("register " + adapter.str());
    return row(2, VersionStatus::kCandidate);
  }
  Result<AdapterVersionRow> register_incoming(const std::string& persona,
                                              const std::string& incoming,
                                              const std::vector<std::string>& parents,
                                              const persona::ChangeOrder& order) override {
    log.push_back("register " + incoming + " for " + persona + " from " +
                  std::to_string(parents.size()) + " by " + order.by + ": " + order.reason);
    return row(2, VersionStatus::kCandidate);
  }

  std::vector<std::string> log;

 private:
  static AdapterVersionRow row(int version, VersionStatus status) {
    AdapterVersionRow row;
    row.id = {AdapterId("field"), version};
    row.status = status;
    row.metrics = R"({"loss":1.5})";
    row.flags = {storage::kFlagErasedContributor};
    return row;
  }
  Result<AdapterVersionRow> act(const std::string& what, const AdapterVersionId& id,
                                const persona::ChangeOrder& order, VersionStatus status) {
    if (id.version > 2) return Error{ErrorCode::kNotFound, "there is no version field@9"};
    log.push_back(what + " " + storage::to_string(id) + " by " + order.by + ": " + order.reason);
    return row(id.version, status);
  }
};

class VersionsTest : public testing::Test {
 protected:
  static TestServerOptions options(FakeVersions& versions) {
    auto options = plain_options();
    options.versions = &versions;
    return options;
  }
  TestResponse post(const std::string& what, const std::string& body) {
    return post_json(server_.port(), "/v1/personas/field_worker/" + what, body);
  }

  FakeVersions versions_;
  TestServer server_{options(versions_)};
};

TEST_F(VersionsTest, AreListedWithTheirHistory) {
  const auto response = call(server_.port(), "GET", "/v1/personas/field_worker/versions");
  ASSERT_EQ(response.status, 200);
  const auto json = *base::parse_json(response.body);
  EXPECT_EQ(json["persona"], "field_worker");
  EXPECT_EQ(json["adapter"], "field");
  EXPECT_EQ(json["serving"], 1);
  EXPECT_EQ(json["versions"][0]["version"], 2);
  EXPECT_EQ(json["versions"][0]["metrics"]["loss"], 1.5);
  EXPECT_EQ(json["versions"][0]["flags"][0], "erased_contributor");
  EXPECT_EQ(json["history"][0]["by"], "ann");
}

TEST_F(VersionsTest, AreChangedByOperatorsWithTheirNames) {
  EXPECT_EQ(post("promote", R"({"version":2,"reason":"better"})").status, 200);
  EXPECT_EQ(post("rollback", "{}").status, 200);
  EXPECT_EQ(post("try", R"({"version":2,"as":"canary","share":0.5})").status, 200);
  EXPECT_EQ(post("withdraw", R"({"version":2})").status, 200);
  EXPECT_EQ(post("gate", R"({"version":2,"passed":false,"document":{"checks":[]}})").status, 200);
  EXPECT_THAT(versions_.log,
              testing::ElementsAre(
                  "promote field@2 by this machine: better", "rollback field@1 by this machine: ",
                  "try 0.500000 field@2 by this machine: ", "withdraw field@2 by this machine: ",
                  "gate failed {\"checks\":[]} field@2 by this machine: "));
}

TEST_F(VersionsTest, AShadowIsJudgedForOperators) {
  const std::string path = "/v1/personas/field_worker/versions/";
  const auto response = call(server_.port(), "GET", path + "2/shadow?examples=3");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ((*base::parse_json(response.body))["users"], 7);
  EXPECT_THAT(versions_.log, testing::ElementsAre("shadow 3 of default"));
  EXPECT_EQ(call(server_.port(), "GET", path + "9/shadow").status, 404);
  EXPECT_EQ(call(server_.port(), "GET", path + "two/shadow").status, 400);
  EXPECT_EQ(call(server_.port(), "GET", path + "2/shadow?examples=99").status, 400);
}

TEST_F(VersionsTest, AFinishedTrainingIsRegistered) {
  const auto response = post("register", "{}");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ((*base::parse_json(response.body))["status"], "candidate");
  EXPECT_THAT(versions_.log, testing::ElementsAre("register field"));
}

TEST_F(VersionsTest, AnAdapterThatCameInIsRegisteredAlsoUnderANewName) {
  const auto response =
      post_json(server_.port(), "/v1/personas/legal/register",
                R"({"incoming":"17-4","parents":["use_case@1"],"reason":"from outside"})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_THAT(versions_.log,
              testing::ElementsAre("register 17-4 for legal from 1 by this machine: from outside"));
  // Without one, it would be a training's.
  EXPECT_EQ(post("register", R"({"reason":"no adapter"})").status, 400);
  EXPECT_EQ(post("register", R"({"incoming":"17-4","path":"/etc"})").status, 400);
}

TEST_F(VersionsTest, AKeysLabelSaysWhoItWas) {
  const std::string key = server_.add_key(storage::KeyRole::kOperator);
  EXPECT_EQ(post_json(server_.port(), "/v1/personas/field_worker/rollback", "{}",
                      {{"Authorization", "Bearer " + key}})
                .status,
            200);
  EXPECT_THAT(versions_.log, testing::ElementsAre("rollback field@1 by test: "));
}

TEST_F(VersionsTest, RefusalsNameWhatWasWrong) {
  EXPECT_EQ(post("promote", R"({"version":9})").status, 404);
  EXPECT_EQ(call(server_.port(), "GET", "/v1/personas/nobody/versions").status, 404);
  const auto bad = post("promote", R"({"version":"two"})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(bad.body, HasSubstr("version"));
  EXPECT_EQ(post("try", R"({"version":2,"as":"both"})").status, 400);
  EXPECT_TRUE(versions_.log.empty());
  TestServer without;
  EXPECT_EQ(call(without.port(), "GET", "/v1/personas/field_worker/versions").status, 404);
}

}  // namespace
}  // namespace kith::server
