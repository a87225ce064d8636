#include "kith/base/new_directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

namespace kith::base {
namespace {

namespace fs = std::filesystem;

Error system_error(const fs::path& path, const char* action) {
  const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
  return Error{code,
               std::string("cannot ") + action + " " + path.string() + ": " + std::strerror(errno)};
}

Status sync(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(path, "open");
  const int failed = ::fsync(fd);
  ::close(fd);
  if (failed != 0) return system_error(path, "sync");
  return {};
}

Status check_place(const fs::path& target, std::string_view replaceable_by) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(target, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (replaceable_by.empty()) return Error{ErrorCode::kConflict, "exists: " + target.string()};
  const bool is_replaceable =
      status.type() == fs::file_type::directory &&
      (fs::is_empty(target, error) || fs::exists(target / replaceable_by, error));
  if (is_replaceable) return {};
  return Error{ErrorCode::kConflict, "only a directory that is empty or holds " +
                                         std::string(replaceable_by) +
                                         " is replaced: " + target.string()};
}

}  // namespace

Result<NewDirectory> NewDirectory::create(const fs::path& target, std::string_view replaceable_by) {
  // "out/" means the directory "out".
  const fs::path place = (fs::absolute(target) / "").lexically_normal().parent_path();
  KITH_RETURN_IF_ERROR(check_place(place, replaceable_by));
  std::string temporary = place.string() + ".XXXXXX";
  if (::mkdtemp(temporary.data()) == nullptr) return system_error(place, "create");
  NewDirectory directory(place, temporary, !replaceable_by.empty());
  if (::chmod(temporary.c_str(), 0755) != 0) return system_error(place, "chmod");
  return directory;
}

NewDirectory::NewDirectory(NewDirectory&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      replaces_(other.replaces_) {}

NewDirectory::~NewDirectory() {
  if (temporary_.empty()) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

Status NewDirectory::commit() {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(temporary_, error)) {
    KITH_RETURN_IF_ERROR(sync(entry.path()));
  }
  KITH_RETURN_IF_ERROR(sync(temporary_));
  unsigned flags = RENAME_NOREPLACE;
  if (replaces_ && fs::exists(fs::symlink_status(target_, error))) flags = RENAME_EXCHANGE;
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), flags) != 0) {
    if (errno == EEXIST) return Error{ErrorCode::kConflict, "exists: " + target_.string()};
    return system_error(target_, "rename to");
  }
  // After an exchange, the old directory has the temporary name.
  const fs::path old = std::exchange(temporary_, {});
  if (flags == RENAME_EXCHANGE) fs::remove_all(old, error);
  return sync(target_.parent_path());
}

}  // namespace kith::base
