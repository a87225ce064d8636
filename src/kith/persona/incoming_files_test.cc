#include "kith/persona/incoming_files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"

namespace kith::persona {
namespace {

namespace fs = std::filesystem;

class IncomingFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(source_);
    std::ofstream(source_ / "adapter_config.json") << R"({"peft_type":"LORA"})";
    std::ofstream(source_ / "adapter_model.safetensors") << "weights";
    std::ofstream(source_ / "optimizer.pt") << "not of the adapter";
  }

  const base::TestDirectory directory_;
  const fs::path source_ = directory_.path() / "source";
  const fs::path data_ = directory_.path() / "data";
};

TEST_F(IncomingFilesTest, AnAdapterIsFoundByItsNameUntilItIsRemoved) {
  const auto name = place_incoming(source_, data_);
  ASSERT_TRUE(name) << name.error().message;
  const auto path = find_incoming(data_, *name);
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*base::read_file(*path / "adapter_model.safetensors"), "weights");
  EXPECT_FALSE(fs::exists(*path / "optimizer.pt"));
  remove_incoming(data_, *name);
  EXPECT_EQ(find_incoming(data_, *name).error().code, ErrorCode::kNotFound);
}

TEST_F(IncomingFilesTest, ANameLeadsNowhereElse) {
  ASSERT_TRUE(place_incoming(source_, data_));
  for (const char* name : {"", ".", "..", "../../source", "/etc", "a/b"}) {
    EXPECT_EQ(find_incoming(data_, name).error().code, ErrorCode::kInvalidArgument) << name;
  }
  fs::create_directory_symlink(source_, data_ / "incoming" / "link");
  EXPECT_EQ(find_incoming(data_, "link").error().code, ErrorCode::kNotFound);
}

TEST_F(IncomingFilesTest, WhatIsNoAdapterLeavesNothingBehind) {
  fs::remove(source_ / "adapter_model.safetensors");
  EXPECT_EQ(place_incoming(source_, data_).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(data_ / "incoming"));
}

TEST_F(IncomingFilesTest, WhatStoppedCommandsLeftIsRemovedAtOnce) {
  const auto first = place_incoming(source_, data_);
  const auto second = place_incoming(source_, data_);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  remove_all_incoming(data_);
  EXPECT_FALSE(fs::exists(data_ / "incoming"));
}

}  // namespace
}  // namespace kith::persona
