#include "kith/tuning/scaled_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"

namespace kith::tuning {
namespace {

class ScaledAdapterTest : public ::testing::Test {
 protected:
  ScaledAdapterTest() { std::filesystem::create_directory(source()); }

  std::filesystem::path source() const { return directory_.path() / "source"; }
  std::filesystem::path target() const { return directory_.path() / "target"; }

  void write(const std::string& config) {
    directory_.write("source/adapter_config.json", config);
    directory_.write("source/adapter_model.safetensors", "weights");
  }

  base::Json config() const {
    return *base::parse_json(*base::read_file(target() / "adapter_config.json"));
  }

  base::TestDirectory directory_;
};

TEST_F(ScaledAdapterTest, AlphasAreMultipliedAndTheRestStays) {
  write(R"({"r": 16, "lora_alpha": 32, "alpha_pattern": {"q_proj": 6}})");
  ASSERT_TRUE(write_scaled_adapter(source(), 0.25, target()));
  EXPECT_EQ(config()["lora_alpha"], 8);
  EXPECT_TRUE(config()["lora_alpha"].is_number_integer());
  EXPECT_DOUBLE_EQ(config()["alpha_pattern"]["q_proj"].get<double>(), 1.5);
  EXPECT_EQ(config()["r"], 16);
  EXPECT_EQ(*base::read_file(target() / "adapter_model.safetensors"), "weights");
}

TEST_F(ScaledAdapterTest, DoneAgainItIsTheSameNotLess) {
  write(R"({"lora_alpha": 32})");
  ASSERT_TRUE(write_scaled_adapter(source(), 0.5, target()));
  ASSERT_TRUE(write_scaled_adapter(source(), 0.5, target()));
  EXPECT_EQ(config()["lora_alpha"], 16);
}

TEST_F(ScaledAdapterTest, WhatIsNoAdapterIsRefused) {
  EXPECT_EQ(write_scaled_adapter(source(), 0.5, target()).error().code, ErrorCode::kNotFound);
  write(R"({"r": 16})");
  EXPECT_EQ(write_scaled_adapter(source(), 0.5, target()).error().code,
            ErrorCode::kInvalidArgument);
  write(R"({"lora_alpha": 32})");
  for (const double share : {0.0, 1.01}) {
    EXPECT_EQ(write_scaled_adapter(source(), share, target()).error().code,
              ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(std::filesystem::exists(target()));
}

}  // namespace
}  // namespace kith::tuning
