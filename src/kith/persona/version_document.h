// Versions and their history as JSON, for the command line and over HTTP.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "kith/storage/adapter_version_store.h"

namespace kith::persona {

// {"version","adapter","status","created_at","created_by","reason","parents":[],"base_hash",
//  "data_hash","recipe_hash","content_hash","path","metrics":{},"gate":{"passed","at",...},
//  "flags":[],"share","trial":{}}; what is empty is left out.
nlohmann::ordered_json to_json(const storage::AdapterVersionRow& row);

// {"version","adapter","from","to","by","reason","at"}.
nlohmann::ordered_json to_json(const storage::VersionChange& change);

// {"persona","adapter","serving","versions":[..],"history":[..]}; `serving` only if one serves.
nlohmann::ordered_json versions_json(const std::string& persona, const AdapterId& adapter,
                                     std::span<const storage::AdapterVersionRow> rows,
                                     std::span<const storage::VersionChange> history);

}  // namespace kith::persona
