#include "kith/storage/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace kith::storage {
namespace {

namespace fs = std::filesystem;

Error failure(const fs::path& path, const char* what) {
  return Error{ErrorCode::kUnavailable,
               path.string() + ": " + what + ": " + std::generic_category().message(errno)};
}

std::string read_holder(int fd) {
  std::array<char, 32> buffer{};
  const ssize_t size = pread(fd, buffer.data(), buffer.size() - 1, 0);
  std::string text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  text.erase(text.find_last_not_of("\n ") + 1);
  return text.empty() ? "unknown" : text;
}

Status write_holder(int fd, const fs::path& path) {
  const std::string text = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return failure(path, "cannot write");
  }
  return {};
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const fs::path& path) {
  std::error_code error;
  if (fs::create_directories(path, error)) {
    fs::permissions(path, fs::perms::owner_all, error);
  } else if (!fs::is_directory(path)) {
    return Error{ErrorCode::kUnavailable, path.string() + ": cannot be used as data directory: " +
                                              (error ? error.message() : "not a directory")};
  }
  const fs::path lock = path / "lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failure(lock, "cannot open");
  DataDirectory directory(path, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failure(lock, "cannot lock");
    return Error{ErrorCode::kConflict,
                 path.string() + ": already served by process " + read_holder(fd)};
  }
  KITH_RETURN_IF_ERROR(write_holder(fd, lock));
  return directory;
}

Result<DataDirectory> DataDirectory::open_beside(const fs::path& path) {
  constexpr int kNoLock = -1;
  DataDirectory directory(path, kNoLock);
  std::error_code error;
  if (fs::exists(directory.database_path(), error)) return directory;
  return Error{ErrorCode::kNotFound, path.string() + ": holds no installation"};
}

DataDirectory::DataDirectory(fs::path path, int lock_fd)
    : path_(std::move(path)), lock_fd_(lock_fd) {}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_fd_, other.lock_fd_);
  return *this;
}

// The file stays: unlinking it would let two processes lock two files of the same name.
DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

}  // namespace kith::storage
