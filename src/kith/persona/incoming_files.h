// Adapters on their way to the server that holds an installation: DATA/incoming/NAME. A command
// puts a copy there, the server registers it by its name alone, so that no path that comes over
// HTTP leads out of the data directory.
#pragma once

#include <filesystem>
#include <string>

#include "kith/base/result.h"

namespace kith::persona {

// Copies an adapter's files (version_files.h) there, whole or not at all; returns the name.
// Errors: kNotFound, kInvalidArgument or kUnavailable as those of write_version_files().
Result<std::string> place_incoming(const std::filesystem::path& source,
                                   const std::filesystem::path& data_dir);

// Where it is. Errors: kInvalidArgument for what is no name; kNotFound.
Result<std::filesystem::path> find_incoming(const std::filesystem::path& data_dir,
                                            const std::string& name);

// Afterwards, whatever came of it. An unknown name is nothing to remove.
void remove_incoming(const std::filesystem::path& data_dir, const std::string& name);

// What stopped commands left. Before the server answers its first request.
void remove_all_incoming(const std::filesystem::path& data_dir);

}  // namespace kith::persona
