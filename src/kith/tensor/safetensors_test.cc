#include "kith/tensor/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"

namespace kith::tensor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string file_with(std::string_view header, std::size_t data_bytes) {
  std::string file(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(file.data(), &size, sizeof size);
  return file + std::string(header) + std::string(data_bytes, '\1');
}

Result<SafetensorsHeader> parse(std::string_view file) {
  return parse_safetensors(std::as_bytes(std::span(file)));
}

std::string error_of(std::string_view header, std::size_t data_bytes) {
  const auto parsed = parse(file_with(header, data_bytes));
  if (parsed) return "no error";
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  return parsed.error().message;
}

TEST(SafetensorsTest, ReadsTensorsAndMetadata) {
  const auto parsed = parse(file_with(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
          "s":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},
          "e":{"dtype":"I64","shape":[0,7],"data_offsets":[26,26]}})",
      26));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->metadata.at("format"), "pt");
  EXPECT_THAT(parsed->tensors.at("a").shape, ElementsAre(2, 3));
  EXPECT_EQ(parsed->tensors.at("s").dtype, DType::kBf16);
  EXPECT_EQ(parsed->tensors.at("e").begin, parsed->tensors.at("e").end);
}

TEST(SafetensorsTest, RefusesABrokenHeader) {
  EXPECT_THAT(parse("short").error().message, HasSubstr("8 bytes"));
  EXPECT_THAT(parse(std::string(8, '\xFF')).error().message, HasSubstr("longer than"));
  EXPECT_THAT(parse(file_with("{}", 0).substr(0, 9)).error().message, HasSubstr("beyond the end"));
  EXPECT_THAT(error_of("{", 0), HasSubstr("header"));
  EXPECT_THAT(error_of("[]", 0), HasSubstr("must be an object"));
  EXPECT_THAT(error_of(R"({"a":3})", 0), HasSubstr("tensor a: entry must be an object"));
  EXPECT_THAT(error_of(R"({"__metadata__":{"x":1}})", 0), HasSubstr("must hold strings"));
}

TEST(SafetensorsTest, RefusesBrokenEntries) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {R"({"shape":[1],"data_offsets":[0,4]})", "dtype is missing"},
      {R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})", "unknown dtype: F31"},
      {R"({"dtype":"F32","data_offsets":[0,4]})", "shape must be an array"},
      {R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", "non-negative"},
      {R"({"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})", "non-negative"},
      {R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})", "non-negative"},
      {R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]})", "too many"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", "two members"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", "outside the file"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", "outside the file"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", "does not fit"},
      // 2^62 elements of four bytes overflow to zero bytes.
      {R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]})", "does not fit"}};
  for (const auto& [entry, message] : cases) {
    EXPECT_THAT(error_of("{\"a\":" + std::string(entry) + "}", 4), HasSubstr(message)) << entry;
  }
}

TEST(SafetensorsTest, RefusesOverlapsHolesAndRests) {
  const auto two = [](const char* first, const char* second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + std::string(first) +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  EXPECT_EQ(error_of(two("[0,4]", "[4,8]"), 8), "no error");
  EXPECT_THAT(error_of(two("[0,4]", "[2,6]"), 6), HasSubstr("overlap"));
  EXPECT_THAT(error_of(two("[0,4]", "[5,9]"), 9), HasSubstr("hole"));
  EXPECT_THAT(error_of(two("[1,5]", "[5,9]"), 9), HasSubstr("hole"));
  EXPECT_THAT(error_of(two("[0,4]", "[4,8]"), 9), HasSubstr("after the last"));
}

TEST(SafetensorsTest, WhatIsWrittenIsRead) {
  const std::vector<float> values{1.0F, -2.0F, 3.5F};
  const std::vector<std::uint8_t> bytes{9};
  const std::vector<TensorToSave> tensors{
      {"z", DType::kUint8, {1}, std::as_bytes(std::span(bytes))},
      {"a", DType::kF32, {3, 1}, std::as_bytes(std::span(values))}};
  const base::TestDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  ASSERT_TRUE(save_safetensors(path, tensors, {{"format", "pt"}}));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->header().metadata.at("format"), "pt");
  const auto view = file->find("a");
  ASSERT_TRUE(view);
  EXPECT_THAT(view->shape, ElementsAre(3, 1));
  std::vector<float> read(3);
  convert_to_f32(view->bytes, view->dtype, read);
  EXPECT_EQ(read, values);
  EXPECT_FALSE(file->find("b"));
}

TEST(SafetensorsTest, RefusesToWriteWhatCouldNotBeRead) {
  const std::vector<std::byte> bytes(4);
  EXPECT_FALSE(serialize_safetensors(std::vector<TensorToSave>{{"a", DType::kF32, {2}, bytes}}));
  EXPECT_FALSE(serialize_safetensors(
      std::vector<TensorToSave>{{"a", DType::kF32, {1}, bytes}, {"a", DType::kF32, {1}, bytes}}));
  EXPECT_FALSE(
      serialize_safetensors(std::vector<TensorToSave>{{"__metadata__", DType::kF32, {1}, bytes}}));
}

// Every prefix of a good file, and the file with each header byte changed: an error or a header
// that stays within the file.
TEST(SafetensorsTest, DamagedFilesNeverReachOutside) {
  const std::vector<float> values(16, 1.0F);
  const std::string file = *serialize_safetensors(std::vector<TensorToSave>{
      {"a", DType::kF32, {2, 4}, std::as_bytes(std::span(values)).first(32)},
      {"b", DType::kF32, {8}, std::as_bytes(std::span(values)).last(32)}});
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(parse(std::string_view(file).substr(0, size))) << size;
  }
  for (std::size_t i = 0; i < file.size() - 64; ++i) {
    for (const char byte : {'\0', '9', '"', '\xFF'}) {
      std::string damaged = file;
      damaged[i] = byte;
      const auto parsed = parse(damaged);
      if (!parsed) continue;
      for (const auto& [name, info] : parsed->tensors) {
        EXPECT_LE(info.begin, info.end);
        EXPECT_LE(info.end, damaged.size());
      }
    }
  }
}

TEST(SafetensorsWriterTest, WritesWhatTheSerializerWrites) {
  const base::TestDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  const std::vector<std::byte> a(12, std::byte{1});
  const std::vector<std::byte> b(3, std::byte{2});
  auto writer = SafetensorsWriter::create(
      path, {{"a", DType::kF32, {3}}, {"b", DType::kInt8, {3, 1}}}, {{"format", "pt"}});
  ASSERT_TRUE(writer) << writer.error().message;
  EXPECT_FALSE(writer->append(b)) << "out of order";
  EXPECT_FALSE(writer->finish()) << "tensors are missing";
  ASSERT_TRUE(writer->append(a));
  ASSERT_TRUE(writer->append(b));
  EXPECT_FALSE(writer->append(b)) << "more than planned";
  ASSERT_TRUE(writer->finish());
  const auto expected = serialize_safetensors(
      std::vector<TensorToSave>{{"a", DType::kF32, {3}, a}, {"b", DType::kInt8, {3, 1}, b}},
      {{"format", "pt"}});
  EXPECT_EQ(*base::read_file(path), *expected);
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((file->find("a")->bytes.data() - file->bytes().data()) % 64, 0);
  EXPECT_FALSE(SafetensorsWriter::create(path, {{"a", DType::kF32, {3}}, {"a", DType::kF32, {3}}}));
  EXPECT_FALSE(SafetensorsWriter::create(directory.path() / "no/file", {}));
}

}  // namespace
}  // namespace kith::tensor
