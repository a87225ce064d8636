// The files of a checkpoint directory that hold no weights, for commands that derive one directory
// from another.
#pragma once

#include <filesystem>
#include <functional>

#include "kith/base/json.h"
#include "kith/base/result.h"

namespace kith::model {

// What a directory must hold before it may be replaced.
inline constexpr const char* kCheckpointMarker = "config.json";

// Copies what belongs to a model whatever its weights are: tokenizer, chat template, generation
// settings, licence and card; files that are not there are passed over.
// Errors: kUnavailable, naming the file.
Status copy_companions(const std::filesystem::path& from, const std::filesystem::path& to);

// Writes `from`/config.json to `to`/config.json, changed by `edit`.
// Errors: kNotFound, kInvalidArgument, kUnavailable.
Status rewrite_config(const std::filesystem::path& from, const std::filesystem::path& to,
                      const std::function<void(base::OrderedJson&)>& edit);

}  // namespace kith::model
