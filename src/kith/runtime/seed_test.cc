#include "kith/runtime/seed.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "kith/base/test_directory.h"
#include "kith/runtime/server_file.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

class InstallationTest : public ::testing::Test {
 protected:
  void SetUp() override { config_.data.dir = dir_.string(); }

  const base::TestDirectory directory_;
  const fs::path dir_ = directory_.path() / "data";
  Config config_;
};

TEST_F(InstallationTest, SeedingTwiceChangesNothing) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  auto installation = Installation::open(config_);
  ASSERT_TRUE(installation) << installation.error().message;
  EXPECT_EQ((*installation)->assigner(), nullptr);
  const fs::path example = fs::path(source) / "examples/service-desk";
  const auto first = seed_service_desk(**installation, example);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->users.num_added, 300);
  EXPECT_GE(first->knowledge.num_added, 80);
  EXPECT_GE(first->conversations.num_added, 600);
  const auto second = seed_service_desk(**installation, example);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->users.num_unchanged, 300);
  EXPECT_EQ(second->knowledge.num_added + second->knowledge.num_updated, 0);
  EXPECT_EQ(second->conversations.num_unchanged, first->conversations.num_added);
  ASSERT_TRUE((*installation)->load_personas(config_));
  EXPECT_EQ((*installation)->assigner()->catalogue().personas().size(), 5U);
}

TEST_F(InstallationTest, EventsAreSeededOnceAndWhoIsErasedStaysErased) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  auto installation = Installation::open(config_);
  ASSERT_TRUE(installation) << installation.error().message;
  const fs::path example = fs::path(source) / "examples/service-desk";
  ASSERT_TRUE(seed_service_desk(**installation, example));
  auto& stores = (*installation)->stores();
  const auto scope = [](const char* user) {
    return storage::Scope{default_tenant().tenant, UserId(user)};
  };
  ASSERT_TRUE(stores.users().erase(scope("e258"), 1));
  const auto first = seed_events(**installation, example);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_GT(*first, 40'000);
  EXPECT_FALSE(stores.timelines().head(scope("e258"))->has_value());
  EXPECT_FALSE(stores.users().find(scope("e258"))->has_value());
  ASSERT_TRUE(stores.timelines().head(scope("e073"))->has_value());
  ASSERT_TRUE(stores.users().erase(scope("e073"), 1));
  const auto second = seed_events(**installation, example);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(*second, 0);
  EXPECT_FALSE(stores.timelines().head(scope("e073"))->has_value());
}

TEST_F(InstallationTest, ASecondHolderOfTheDirectoryIsRefused) {
  const auto first = Installation::open(config_);
  ASSERT_TRUE(first);
  const auto second = Installation::open(config_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST_F(InstallationTest, TheServerFileIsForItsOwnerOnly) {
  fs::create_directories(dir_);
  EXPECT_EQ(read_server_file(dir_).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(write_server_file(dir_, {.pid = 7, .url = "http://127.0.0.1:1", .token = "t"}));
  const auto permissions = fs::status(dir_ / "server.json").permissions();
  EXPECT_EQ(permissions & (fs::perms::group_all | fs::perms::others_all), fs::perms::none);
  EXPECT_EQ(read_server_file(dir_)->token, "t");
  remove_server_file(dir_);
  EXPECT_FALSE(fs::exists(dir_ / "server.json"));
  EXPECT_NE(*make_token(), *make_token());
}

}  // namespace
}  // namespace kith::runtime
