// Record files that must be right as a whole, such as the example's: a bad line is an error here
// and not something to skip (for that, see record_reader.h).
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/record_reader.h"

namespace kith::storage {

// The .jsonl files of a directory, in the order of their names. Errors: kNotFound.
Result<std::vector<std::filesystem::path>> jsonl_files(const std::filesystem::path& dir);

// Errors: kInvalidArgument with the place of the first bad line, if there is one.
Status require_clean(const ImportReport& report);

// Calls `use` with every record of the file.
// Errors: those of import_records(); kInvalidArgument with the place of the first bad line.
Status read_records(const std::filesystem::path& file,
                    const std::function<void(const nlohmann::json& record)>& use);

}  // namespace kith::storage
