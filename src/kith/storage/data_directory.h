// The directory that holds everything, and the lock that says who serves it.
#pragma once

#include <filesystem>
#include <optional>

#include "kith/base/result.h"

namespace kith::storage {

// Holds an exclusive flock(2) on DIR/lock, which names the holder's process id; the kernel releases
// it when the process ends, however it ends. One that was opened beside the holder has no lock.
// Movable, not thread-safe.
class DataDirectory {
 public:
  // Creates the directory (mode 0700) if there is none.
  // Errors: kConflict if another process, or another object, holds it (the message names the
  // process
  //   id), kUnavailable if it cannot be created or locked.
  static Result<DataDirectory> open(const std::filesystem::path& path);

  // To read beside the process that holds it. Errors: kNotFound if there is no database.
  static Result<DataDirectory> open_beside(const std::filesystem::path& path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database_path() const { return path_ / "kith.db"; }

 private:
  DataDirectory(std::filesystem::path path, int lock_fd);

  std::filesystem::path path_;
  int lock_fd_ = -1;
};

}  // namespace kith::storage
