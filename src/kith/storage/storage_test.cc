#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "kith/base/test_directory.h"
#include "kith/storage/api_key.h"
#include "kith/storage/data_directory.h"
#include "kith/storage/directory_digest.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::storage {
namespace {

TEST(ApiKeyTest, ProvesOnlyTheRightSecret) {
  const base::TestDirectory directory;
  const auto stores = *open_sqlite(directory.path() / "kith.db");
  const auto key = make_api_key(KeyRole::kEndUser, TenantId("acme"), UserId("ada"), "phone", 5);
  ASSERT_TRUE(key);
  ASSERT_TRUE(stores->keys().add(key->row));

  const auto proved = authenticate(stores->keys(), key->text);
  ASSERT_TRUE(proved && *proved);
  EXPECT_EQ((*proved)->user, UserId("ada"));
  std::string wrong = key->text;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  for (const std::string& text : {wrong, std::string("kith-"), std::string(), key->text + "0",
                                  std::string(key->text.size(), '\0')}) {
    EXPECT_FALSE(authenticate(stores->keys(), text)->has_value());
  }
  EXPECT_TRUE(directory.files_holding(key->text.substr(key->text.rfind('-') + 1)).empty());
  ASSERT_TRUE(*stores->keys().revoke({TenantId("acme")}, key->row.id, 9));
  EXPECT_FALSE(authenticate(stores->keys(), key->text)->has_value());
}

TEST(ApiKeyTest, MakesEveryKeyDifferent) {
  const auto one = make_api_key(KeyRole::kOperator, TenantId("t"), UserId{}, "", 1);
  const auto two = make_api_key(KeyRole::kOperator, TenantId("t"), UserId{}, "", 1);
  EXPECT_NE(one->text, two->text);
  EXPECT_NE(one->row.id, two->row.id);
}

TEST(DataDirectoryTest, RefusesADirectoryThatIsServedAndNamesTheHolder) {
  const base::TestDirectory directory;
  const auto path = directory.path() / "data";
  {
    const auto held = DataDirectory::open(path);
    ASSERT_TRUE(held);
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
    const auto second = DataDirectory::open(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_THAT(second.error().message, testing::HasSubstr(std::to_string(getpid())));
  }
  EXPECT_TRUE(DataDirectory::open(path));
}

TEST(DataDirectoryTest, IsFreeAgainWhenItsHolderWasKilled) {
  const base::TestDirectory directory;
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe(ready.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto held = DataDirectory::open(directory.path());
    const char byte = held ? 'y' : 'n';
    static_cast<void>(!write(ready[1], &byte, 1));
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  EXPECT_FALSE(DataDirectory::open(directory.path()));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataDirectory::open(directory.path()));
}

TEST(DataDirectoryTest, SaysWhyADirectoryCannotBeUsed) {
  const base::TestDirectory directory;
  std::ofstream(directory.path() / "file") << "x";
  const auto refused = DataDirectory::open(directory.path() / "file");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
}

// Appends turns until it is killed, and reports each one after it was acknowledged.
[[noreturn]] void append_until_killed(const std::filesystem::path& file, int acknowledged_fd) {
  const Scope scope{TenantId("acme"), UserId("ada")};
  const auto stores = open_sqlite(file);
  if (!stores) _exit(1);
  const auto stored = (*stores)->conversations().turns(scope, ConversationId("c"));
  for (int i = stored ? static_cast<int>(stored->size()) : 0;; ++i) {
    const std::array turn{NewTurn{"user", "turn " + std::to_string(i), i, {}, {}, ""}};
    if (!(*stores)->conversations().append(scope, ConversationId("c"), i, turn)) _exit(1);
    if (write(acknowledged_fd, &i, sizeof i) != sizeof i) _exit(1);
  }
}

TEST(KilledProcessTest, LosesNoAcknowledgedWrite) {
  const base::TestDirectory directory;
  const auto file = directory.path() / "kith.db";
  for (int round = 0; round < 3; ++round) {
    std::array<int, 2> acknowledged{};
    ASSERT_EQ(pipe(acknowledged.data()), 0);
    const pid_t child = fork();
    if (child == 0) append_until_killed(file, acknowledged[1]);
    close(acknowledged[1]);
    int last = -1;
    for (int i = 0; i < 10 + round; ++i) {
      ASSERT_EQ(read(acknowledged[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    int next = 0;
    while (read(acknowledged[0], &next, sizeof next) == static_cast<ssize_t>(sizeof next)) {
      last = next;
    }
    close(acknowledged[0]);
    const auto stores = open_sqlite(file);
    ASSERT_TRUE(stores) << stores.error().message;
    const auto turns =
        (*stores)->conversations().turns({TenantId("acme"), UserId("ada")}, ConversationId("c"));
    ASSERT_GT(static_cast<int>(turns->size()), last);
    EXPECT_EQ(turns->back().index + 1, static_cast<int>(turns->size()));
  }
}

TEST(ScopeTest, RefusesIdsThatCouldNotBeNamedSafely) {
  EXPECT_TRUE(check_row_id("e001", "user id"));
  EXPECT_TRUE(check_row_id("\xE5\xBC\xA0\xE4\xB8\x89", "user id"));
  EXPECT_FALSE(check_row_id("", "user id"));
  EXPECT_FALSE(check_row_id("a\tb", "user id"));
  EXPECT_FALSE(check_row_id(std::string(kMaxIdBytes + 1, 'a'), "user id"));
}

// The same hash as the tools that everybody has.
TEST(DirectoryDigestTest, IsWhatSha256sumPrints) {
  const base::TestDirectory directory;
  directory.write("b.txt", "two");
  directory.write("a.txt", "one");
  EXPECT_EQ(*digest_directory(directory.path()),
            "408e5b7a92221a051491158c0d15a8d6594bb09115cf53e0a1359e7a05321f40");
  EXPECT_EQ(digest_directory(directory.path() / "none").error().code, ErrorCode::kNotFound);
  std::filesystem::create_directory(directory.path() / "inner");
  EXPECT_EQ(digest_directory(directory.path()).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace kith::storage
