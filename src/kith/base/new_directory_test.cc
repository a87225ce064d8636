#include "kith/base/new_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"

namespace kith::base {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class NewDirectoryTest : public testing::Test {
 protected:
  std::size_t num_entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir_.path()), {}));
  }
  static void write(const fs::path& path, const char* text) { std::ofstream(path) << text; }

  const TestDirectory dir_;
  const fs::path target_ = dir_.path() / "model";
};

TEST_F(NewDirectoryTest, AppearsWithItsFilesOnceCommitted) {
  auto directory = NewDirectory::create(target_ / "");
  ASSERT_TRUE(directory) << directory.error().message;
  write(directory->path() / "config.json", "new");
  EXPECT_FALSE(fs::exists(target_));
  ASSERT_TRUE(directory->commit());
  EXPECT_EQ(*read_file(target_ / "config.json"), "new");
  EXPECT_EQ(num_entries(), 1U);
}

TEST_F(NewDirectoryTest, LeavesNothingWithoutCommit) {
  {
    auto directory = NewDirectory::create(target_);
    ASSERT_TRUE(directory);
    write(directory->path() / "config.json", "new");
  }
  EXPECT_EQ(num_entries(), 0U);
}

TEST_F(NewDirectoryTest, ReplacesOnlyWhatMayBeReplaced) {
  fs::create_directory(target_);
  write(target_ / "letters.txt", "dear");
  EXPECT_EQ(NewDirectory::create(target_).error().code, ErrorCode::kConflict);
  const auto refused = NewDirectory::create(target_, "config.json");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("only a directory that is empty or holds config"));

  write(target_ / "config.json", "old");
  auto directory = NewDirectory::create(target_, "config.json");
  ASSERT_TRUE(directory) << directory.error().message;
  write(directory->path() / "config.json", "new");
  EXPECT_EQ(*read_file(target_ / "config.json"), "old");
  ASSERT_TRUE(directory->commit());
  EXPECT_EQ(*read_file(target_ / "config.json"), "new");
  EXPECT_FALSE(fs::exists(target_ / "letters.txt"));
  EXPECT_EQ(num_entries(), 1U);
}

TEST_F(NewDirectoryTest, DoesNotReplaceWhatCameMeanwhile) {
  auto directory = NewDirectory::create(target_);
  ASSERT_TRUE(directory);
  fs::create_directory(target_);
  const auto status = directory->commit();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
}

TEST_F(NewDirectoryTest, ReportsAMissingParentAndAFileInItsPlace) {
  EXPECT_EQ(NewDirectory::create(dir_.path() / "a/b").error().code, ErrorCode::kNotFound);
  write(target_, "a file");
  EXPECT_EQ(NewDirectory::create(target_, "config.json").error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace kith::base
