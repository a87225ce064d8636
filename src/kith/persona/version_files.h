// The files of a version of an adapter: DATA/adapters/NAME/vN, a PEFT directory with a card,
// written once and never changed; or, under storage::kUserEncoder, those of a user encoder. Format:
// docs/formats/adapter-versions.md.
#pragma once

#include <filesystem>
#include <string>

#include "kith/base/result.h"
#include "kith/storage/adapter_version_store.h"

namespace kith::persona {

// The card's name inside of the directory.
inline constexpr const char* kVersionCard = "version.json";

// Whether `adapter` can name a directory of versions and a model: 1 to 64 of a-z, A-Z, 0-9, '_',
// '-' and '.', not beginning with a dot.
// Errors: kInvalidArgument naming what is allowed.
Status check_adapter_name(const AdapterId& adapter);

// Whether `source` is an adapter or a user encoder (it has a features.json) that can be registered.
// Errors: kNotFound if it lacks a file (adapter_config.json, adapter_model.safetensors; or
//   config.json, model.safetensors, features.json); kInvalidArgument for links and other odd files,
//   or a configuration that is no JSON object.
Status check_adapter_files(const std::filesystem::path& source);

// Copies them, and a README.md and an encoder's other parts if there are any, into a directory that
// exists; read-only. Errors: kUnavailable.
Status copy_adapter_files(const std::filesystem::path& source, const std::filesystem::path& target);

// "adapters/NAME/vN".
std::string version_path(const storage::AdapterVersionId& id);

// Copies the adapter's files and a card made of `row` to data_dir / row.path, whole or not at all,
// durable, read-only; returns the hash of the files (storage::digest_directory). What a stopped
// registration left there, which no row knows, is replaced.
// Errors: those of check_adapter_files() and copy_adapter_files(); kInvalidArgument for an encoder
//   under another name, or anything else under its.
Result<std::string> write_version_files(const std::filesystem::path& source,
                                        const std::filesystem::path& data_dir,
                                        const storage::AdapterVersionRow& row);

// Errors: kConflict if the files are not those that were registered, or are gone.
Status verify_version_files(const std::filesystem::path& data_dir,
                            const storage::AdapterVersionRow& row);

}  // namespace kith::persona
