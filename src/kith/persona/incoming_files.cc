#include "kith/persona/incoming_files.h"

#include <unistd.h>

#include <chrono>
#include <system_error>

#include "kith/base/new_directory.h"
#include "kith/persona/version_files.h"

namespace kith::persona {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "incoming";

// No two commands of one machine have it.
std::string new_name() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::to_string(::getpid()) + "-" +
         std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace

Result<std::string> place_incoming(const fs::path& source, const fs::path& data_dir) {
  KITH_RETURN_IF_ERROR(check_adapter_files(source));
  const fs::path folder = data_dir / kFolder;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{ErrorCode::kUnavailable, folder.string() + ": " + error.message()};
  std::string name = new_name();
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(folder / name));
  KITH_RETURN_IF_ERROR(copy_adapter_files(source, directory.path()));
  KITH_RETURN_IF_ERROR(directory.commit());
  return name;
}

Result<fs::path> find_incoming(const fs::path& data_dir, const std::string& name) {
  if (!check_adapter_name(AdapterId(name))) {
    return Error{ErrorCode::kInvalidArgument, "incoming must be the name of a directory: " + name};
  }
  fs::path path = data_dir / kFolder / name;
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::directory) return path;
  return Error{ErrorCode::kNotFound, "no adapter has come in as " + name};
}

void remove_incoming(const fs::path& data_dir, const std::string& name) {
  const auto path = find_incoming(data_dir, name);
  if (!path) return;
  std::error_code error;
  fs::remove_all(*path, error);
}

void remove_all_incoming(const fs::path& data_dir) {
  std::error_code error;
  fs::remove_all(data_dir / kFolder, error);
}

}  // namespace kith::persona
