#include "kith/eval/discovery_suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "kith/base/test_directory.h"

namespace kith::eval {
namespace {

// Three departments of twenty who write differently; their names for themselves are hidden.
std::vector<DeskUser> some_users() {
  std::vector<DeskUser> users;
  for (int i = 0; i < 60; ++i) {
    DeskUser user;
    const int kind = i % 3;
    user.user.id = UserId("u" + std::to_string(i));
    user.user.attributes = {{"department", "d" + std::to_string(kind)},
                            {"device", i % 7 == 0 ? "phone" : "k" + std::to_string(kind)},
                            {"grade", "g" + std::to_string(kind)},
                            {"title", "t" + std::to_string(kind)}};
    user.user.messages = {kind == 0   ? "tablet wont sync at site"
                          : kind == 1 ? "Could you please tell me, who approves this form? Thanks!"
                                      : "Status."};
    user.persona = "p" + std::to_string(kind);
    user.is_test = i < 15;
    users.push_back(std::move(user));
  }
  return users;
}

TEST(DiscoverySuiteTest, MeasuresTheGroupsAndTheirBaselines) {
  persona::DiscoveryOptions options;
  options.mixture.max_clusters = 5;
  options.mixture.restarts = 3;
  const auto report = evaluate_discovery(some_users(), nullptr, options);
  ASSERT_TRUE(report) << report.error().message;
  const Figure& index = report->figures.at("ari");
  EXPECT_EQ(index.value, 1.0);
  EXPECT_EQ(index.baselines.at("attributes"), 1.0);
  EXPECT_NEAR(index.baselines.at("random"), 0.0, 0.1);
  EXPECT_EQ(report->figures.at("ari_test").value, 1.0);
  EXPECT_EQ(report->figures.at("groups").value, 3.0);
  EXPECT_EQ(report->figures.at("groups").baselines.at("truth"), 3.0);
  EXPECT_TRUE(report->figures.contains("ari_no_grade_title"));
}

TEST(DiscoverySuiteTest, NeedsTestUsers) {
  auto users = some_users();
  for (DeskUser& user : users) user.is_test = false;
  const auto report = evaluate_discovery(users, nullptr, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kNotFound);
}

TEST(DeskUsersTest, ReadsOnlyWhatConsentingUsersWroteThemselves) {
  const base::TestDirectory directory;
  const auto write = [&](const char* name, const char* text) {
    std::filesystem::create_directories((directory.path() / name).parent_path());
    std::ofstream(directory.path() / name) << text;
  };
  write("employees.jsonl",
        "{\"id\":\"a\",\"attributes\":{\"grade\":\"head\"},\"consent\":{\"learn\":true}}\n"
        "{\"id\":\"b\",\"attributes\":{},\"consent\":{\"learn\":false}}\n"
        "{\"id\":\"c\",\"attributes\":{},\"consent\":{\"personalize\":false}}\n");
  write("truth.jsonl", "{\"id\":\"a\",\"persona\":\"boss\",\"split\":\"test\"}\n");
  write("conversations/x.jsonl",
        "{\"id\":\"1\",\"user\":\"a\",\"turns\":[{\"role\":\"user\",\"text\":\"hi\"},"
        "{\"role\":\"assistant\",\"text\":\"yes\"}]}\n"
        "{\"id\":\"2\",\"user\":\"b\",\"turns\":[{\"role\":\"user\",\"text\":\"no\"}]}\n");
  const auto users = load_desk_users(directory.path());
  ASSERT_TRUE(users) << users.error().message;
  ASSERT_EQ(users->size(), 1U);
  const DeskUser& user = users->front();
  EXPECT_EQ(user.user.messages, std::vector<std::string>{"hi"});
  EXPECT_EQ(user.user.attributes.at("grade"), "head");
  EXPECT_EQ(user.persona, "boss");
  EXPECT_TRUE(user.is_test);
}

// The bar of the example, on attributes and the way of writing; the figures with the encoder are in
// docs/benchmarks.md.
TEST(DiscoverySuiteTest, FindsTheHiddenPersonasOfTheServiceDesk) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  const auto users = load_desk_users(std::filesystem::path(source) / "examples" / "service-desk");
  ASSERT_TRUE(users) << users.error().message;
  persona::DiscoveryOptions options;
  options.mixture.restarts = 4;
  options.mixture.max_clusters = 6;
  const auto report = evaluate_discovery(*users, nullptr, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->figures.at("ari").value, 0.6);
  EXPECT_GE(report->figures.at("ari_test").value, 0.6);
}

}  // namespace
}  // namespace kith::eval
