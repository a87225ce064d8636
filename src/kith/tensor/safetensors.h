// The safetensors file format: a length, a JSON header, and one block of tensor bytes.
//
// Files come from strangers. Everything the header claims is checked against the file before a byte
// of data is touched: length, JSON, type, shape (with overflow), bounds, overlaps, holes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/result.h"
#include "kith/tensor/dtype.h"

namespace kith::tensor {

// Longest header that is read.
inline constexpr std::size_t kMaxSafetensorsHeader = 100'000'000;

// Where one tensor lies.
struct TensorInfo {
  DType dtype = DType::kF32;
  // Row-major; empty for a scalar.
  std::vector<std::int64_t> shape;
  // Byte offsets from the start of the file.
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, TensorInfo, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
};

// Checks and reads the header of a whole file in memory.
// Errors: kInvalidArgument, naming the tensor and what is wrong with it.
Result<SafetensorsHeader> parse_safetensors(std::span<const std::byte> file);

// A tensor inside a mapped file. Borrows from the file; its bytes may have any alignment.
struct TensorView {
  DType dtype = DType::kF32;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;

  // Product of the shape.
  std::int64_t num_elements() const;
};

// An open file, mapped into memory. Immutable; thread-safe.
class SafetensorsFile {
 public:
  // Errors: kNotFound, kUnavailable; those of parse_safetensors, with the path.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);

  const SafetensorsHeader& header() const { return header_; }
  // No value if there is no such tensor. The view lives as long as the file.
  std::optional<TensorView> find(std::string_view name) const;
  // The whole file.
  std::span<const std::byte> bytes() const { return file_.bytes(); }
  // See base::MappedFile.
  void drop_pages() const { file_.drop_pages(); }

 private:
  SafetensorsFile(base::MappedFile file, SafetensorsHeader header)
      : file_(std::move(file)), header_(std::move(header)) {}

  base::MappedFile file_;
  SafetensorsHeader header_;
};

// A tensor to write. Borrows its bytes.
struct TensorToSave {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

// What is to be written of a tensor before its bytes are there.
struct TensorPlan {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
};

// Writes a file tensor by tensor, so that a checkpoint need not lie in memory as a whole. The data
// begins at a multiple of 64. Not atomic: meant for a directory that is not in use yet. Movable.
class SafetensorsWriter {
 public:
  // Errors: kInvalidArgument for a repeated or reserved name or an impossible shape; kUnavailable.
  static Result<SafetensorsWriter> create(const std::filesystem::path& path,
                                          std::vector<TensorPlan> tensors,
                                          const std::map<std::string, std::string>& metadata = {});

  // The bytes of the next tensor, in the order of create().
  // Errors: kInvalidArgument if they do not fit its shape; kUnavailable.
  Status append(std::span<const std::byte> bytes);
  // Errors: kInvalidArgument if tensors are missing; kUnavailable.
  Status finish();

 private:
  std::filesystem::path path_;
  std::vector<TensorPlan> tensors_;
  std::size_t next_ = 0;
  std::ofstream stream_;
};

// The bytes of a file with these tensors in this order.
// Errors: kInvalidArgument for a repeated or reserved name or bytes that do not fit the shape.
Result<std::string> serialize_safetensors(std::span<const TensorToSave> tensors,
                                          const std::map<std::string, std::string>& metadata = {});

// Writes them to `path` atomically. Errors: the above, and kUnavailable.
Status save_safetensors(const std::filesystem::path& path, std::span<const TensorToSave> tensors,
                        const std::map<std::string, std::string>& metadata = {});

}  // namespace kith::tensor
