// A directory that appears whole or not at all, also after a crash.
#pragma once

#include <filesystem>
#include <string_view>

#include "kith/base/result.h"

namespace kith::base {

// Filled under a temporary name beside its place and renamed by commit(); without it, nothing
// remains. Movable. Not thread-safe.
class NewDirectory {
 public:
  // `replaceable_by`: a file that tells an existing directory at `target` which may be replaced
  // (an empty one always may); empty: none may be.
  // Errors: kConflict if `target` exists and may not be replaced; kNotFound if the directory above
  // it does not exist; kUnavailable.
  static Result<NewDirectory> create(const std::filesystem::path& target,
                                     std::string_view replaceable_by = {});

  NewDirectory(NewDirectory&& other) noexcept;
  NewDirectory& operator=(NewDirectory&&) = delete;
  ~NewDirectory();

  // Where the files are to be written.
  const std::filesystem::path& path() const { return temporary_; }

  // Makes the files durable and gives the directory its name. What it replaces is removed after.
  // Errors: kConflict if something has come into its place meanwhile; kUnavailable.
  Status commit();

 private:
  NewDirectory(std::filesystem::path target, std::filesystem::path temporary, bool replaces)
      : target_(std::move(target)), temporary_(std::move(temporary)), replaces_(replaces) {}

  std::filesystem::path target_;
  // Empty once committed or moved from.
  std::filesystem::path temporary_;
  bool replaces_;
};

}  // namespace kith::base
