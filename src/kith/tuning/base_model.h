// The model that an adapter adapts, as training sees it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "kith/base/result.h"

namespace kith::tuning {

// Of a checkpoint's configuration and weights, 32 hexadecimal digits: an adapter fits no other.
// Errors: kNotFound if the directory holds no checkpoint; those of the files.
Result<std::string> hash_base_model(const std::filesystem::path& directory);

}  // namespace kith::tuning
