// Whole files, mapped files and atomic replacement.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::base {

// Errors: kNotFound if there is no such regular file, kInvalidArgument if it is larger than
//   `max_bytes`, kUnavailable if it cannot be read. The message names the path.
Result<std::string> read_file(const std::filesystem::path& path,
                              std::size_t max_bytes = std::size_t{1} << 30);

// Writes to a temporary name beside `path`, fsyncs, and renames over it: a reader sees the old file
// or the new one, also after a crash. `mode` are the permission bits of the new file.
// Errors: kUnavailable, with the path and the system's reason.
Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes,
                             unsigned mode = 0644);

// A read-only private mapping of a whole file. Movable; the bytes live as long as the object.
// The file must not shrink meanwhile (the kernel then raises SIGBUS).
class MappedFile {
 public:
  // Errors: kNotFound, kUnavailable.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // The process holds none of the file's pages afterwards; what is read again comes from the
  // system's cache of the file, or from disk. For what has been copied.
  void drop_pages() const;

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace kith::base
