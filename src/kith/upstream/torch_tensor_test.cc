#include "kith/upstream/torch_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kith/base/file.h"

namespace kith::upstream {
namespace {

using testing::HasSubstr;

struct Shape {
  int rows;
  int width;
};
// Of the goldens, which torch.save() wrote (tools/goldens/make_torch_tensor_goldens.py).
constexpr Shape kShapes[] = {{1, 1}, {2, 3}, {16, 576}, {300, 257}};

std::string name_of(Shape shape) {
  return std::to_string(shape.rows) + "x" + std::to_string(shape.width);
}

std::string saved(Shape shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.rows * shape.width));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 8.0F;
  auto bytes = save_torch_tensor(values, shape.rows, shape.width);
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? *std::move(bytes) : std::string();
}

std::uint32_t read_int(std::string_view bytes, std::size_t at, int size) {
  std::uint32_t value = 0;
  for (int i = size - 1; i >= 0; --i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  }
  return value;
}

struct Entry {
  std::size_t begin = 0;
  std::string bytes;
};

// The entries by way of the archive's directory, as readers take it.
std::map<std::string, Entry> entries_of(std::string_view archive) {
  std::map<std::string, Entry> entries;
  const std::size_t end = archive.size() - 22;
  EXPECT_EQ(read_int(archive, end, 4), 0x06054B50U);
  std::size_t at = read_int(archive, end + 16, 4);
  for (std::uint32_t i = 0; i < read_int(archive, end + 10, 2); ++i) {
    EXPECT_EQ(read_int(archive, at, 4), 0x02014B50U);
    const std::uint32_t name_bytes = read_int(archive, at + 28, 2);
    const std::string name(archive.substr(at + 46, name_bytes));
    const std::size_t local = read_int(archive, at + 42, 4);
    EXPECT_EQ(read_int(archive, local, 4), 0x04034B50U);
    EXPECT_EQ(archive.substr(local + 4, 24), archive.substr(at + 6, 24));
    const std::size_t begin =
        local + 30 + read_int(archive, local + 26, 2) + read_int(archive, local + 28, 2);
    entries[name] = {begin, std::string(archive.substr(begin, read_int(archive, at + 24, 4)))};
    at += 46 + name_bytes;
  }
  EXPECT_EQ(at, end);
  return entries;
}

TEST(TorchTensorTest, TheProgramIsTorchsOwn) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  const auto dir = std::filesystem::path(source) / "src/kith/upstream/testdata/torch_tensor";
  for (const Shape shape : kShapes) {
    const auto golden = base::read_file(dir / (name_of(shape) + ".pkl"));
    ASSERT_TRUE(golden) << golden.error().message;
    EXPECT_EQ(entries_of(saved(shape))["archive/data.pkl"].bytes, *golden) << name_of(shape);
  }
}

TEST(TorchTensorTest, HoldsTheValuesAlignedBesideVersionAndByteOrder) {
  auto entries = entries_of(saved({2, 3}));
  ASSERT_EQ(entries.size(), 4U);
  for (const auto& [name, entry] : entries) EXPECT_EQ(entry.begin % 64, 0U) << name;
  EXPECT_EQ(entries["archive/version"].bytes, "3\n");
  EXPECT_EQ(entries["archive/byteorder"].bytes, "little");
  std::vector<float> values(6);
  const std::string& data = entries["archive/data/0"].bytes;
  ASSERT_EQ(data.size(), values.size() * sizeof(float));
  std::memcpy(values.data(), data.data(), data.size());
  EXPECT_THAT(values, testing::ElementsAre(0.0F, 0.125F, 0.25F, 0.375F, 0.5F, 0.625F));
}

// That of "3\n" by Python's zlib.
TEST(TorchTensorTest, EntriesHaveTheirChecksums) {
  const std::string archive = saved({1, 1});
  const std::size_t begin = archive.rfind("archive/version");
  EXPECT_EQ(read_int(archive, begin - 46 + 16, 4), 0x55679ED1U);
}

TEST(TorchTensorTest, EqualTensorsMakeEqualBytes) {
  EXPECT_EQ(saved({16, 576}), saved({16, 576}));
  EXPECT_NE(saved({2, 3}), saved({3, 2}));
}

TEST(TorchTensorTest, RefusesValuesThatDoNotFillTheShape) {
  const std::vector<float> values(6);
  for (const Shape shape : {Shape{0, 6}, {6, 0}, {-2, -3}, {2, 2}, {3, 3}}) {
    const auto bytes = save_torch_tensor(values, shape.rows, shape.width);
    ASSERT_FALSE(bytes) << name_of(shape);
    EXPECT_EQ(bytes.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(bytes.error().message, HasSubstr("6 values"));
  }
}

// For make_torch_tensor_goldens.py, which reads them with torch itself.
TEST(TorchTensorTest, LeavesTensorsForTorchToRead) {
  const char* dir = std::getenv("KITH_TORCH_TENSORS");
  if (dir == nullptr) GTEST_SKIP() << "KITH_TORCH_TENSORS is not set";
  for (const Shape shape : kShapes) {
    const auto path = std::filesystem::path(dir) / (name_of(shape) + ".pt");
    ASSERT_TRUE(base::write_file_atomically(path, saved(shape)));
  }
}

}  // namespace
}  // namespace kith::upstream
