// Text files that may be compressed.
#pragma once

#include <filesystem>
#include <string>

#include "kith/base/result.h"

namespace kith::eval {

// The content of a file, unpacked if it is of gzip (zlib).
// Errors: kNotFound; kInvalidArgument if it is damaged.
Result<std::string> read_gzip_file(const std::filesystem::path& file);

}  // namespace kith::eval
