#include "kith/tensor/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kith/base/test_directory.h"

namespace kith::tensor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  void save(const std::string& file, const std::string& tensor, float value) {
    ASSERT_TRUE(save_safetensors(
        dir_ / file, std::vector<TensorToSave>{
                         {tensor, DType::kF32, {1}, std::as_bytes(std::span(&value, 1))}}));
  }
  void write_index(std::string_view weight_map) {
    std::ofstream(dir_ / "model.safetensors.index.json")
        << R"({"metadata":{"total_size":8},"weight_map":)" << weight_map << "}";
  }
  std::string error() {
    const auto reader = CheckpointReader::open(dir_);
    return reader ? "no error" : reader.error().message;
  }

  const base::TestDirectory directory_;
  const std::filesystem::path dir_ = directory_.path();
};

TEST_F(CheckpointTest, ReadsOneFile) {
  save("model.safetensors", "a", 2.0F);
  const auto reader = CheckpointReader::open(dir_);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_THAT(reader->names(), ElementsAre("a"));
  EXPECT_TRUE(reader->find("a"));
  EXPECT_FALSE(reader->find("b"));
}

TEST_F(CheckpointTest, ReadsShardsByTheirIndex) {
  save("one.safetensors", "a", 2.0F);
  save("two.safetensors", "b", 3.0F);
  write_index(R"({"a":"one.safetensors","b":"two.safetensors"})");
  const auto reader = CheckpointReader::open(dir_);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_THAT(reader->names(), ElementsAre("a", "b"));
  float value = 0.0F;
  convert_to_f32(reader->find("b")->bytes, DType::kF32, std::span(&value, 1));
  EXPECT_EQ(value, 3.0F);
}

TEST_F(CheckpointTest, IndexCannotLeaveTheDirectory) {
  for (const char* file : {"../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", "",
                           "a\\\\b", "a\\u0000b"}) {
    write_index(R"({"a":")" + std::string(file) + R"("})");
    EXPECT_THAT(error(), HasSubstr("same directory")) << file;
  }
  write_index("[]");
  EXPECT_THAT(error(), HasSubstr("weight_map must be an object"));
}

TEST_F(CheckpointTest, ReportsWhatIsMissing) {
  EXPECT_THAT(error(), HasSubstr("neither model.safetensors nor"));
  write_index(R"({"a":"one.safetensors"})");
  EXPECT_THAT(error(), HasSubstr("one.safetensors"));
  save("one.safetensors", "b", 1.0F);
  EXPECT_THAT(error(), HasSubstr("one.safetensors lacks tensor a"));
}

}  // namespace
}  // namespace kith::tensor
