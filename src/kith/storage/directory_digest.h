// One hash over the files of a directory, to tell whether it still holds the same bytes.
#pragma once

#include <filesystem>
#include <string>

#include "kith/base/result.h"

namespace kith::storage {

// SHA-256 in hexadecimal, over a line "SHA256  NAME\n" for each file in order of the names, as
// sha256sum(1) prints them: `cd DIR && sha256sum $(ls | LC_ALL=C sort) | sha256sum` gives the same.
// Errors: kNotFound if there is no such directory, or it is empty; kInvalidArgument if it holds
//   anything but regular files (links are none); kUnavailable if a file cannot be read.
Result<std::string> digest_directory(const std::filesystem::path& dir);

}  // namespace kith::storage
