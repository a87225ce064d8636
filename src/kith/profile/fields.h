// Reading the members of an imported record, which in CSV are all texts.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/user_store.h"

namespace kith::profile {

// The member as text; numbers as in JSON. No value if absent or null.
// Errors of all readers: kInvalidArgument, naming the member.
Result<std::optional<std::string>> read_text(const nlohmann::json& record, const char* key);

// As read_text, but the member must be there and not empty.
Result<std::string> require_text(const nlohmann::json& record, const char* key);

// A finite number, or a text that is one.
Result<std::optional<double>> read_real(const nlohmann::json& record, const char* key);

// true, false, 1, 0, or these words (also yes, no) as text.
Result<bool> to_flag(const nlohmann::json& value, const std::string& key);

// ISO 8601 or Unix seconds; `fallback` if absent.
Result<base::UnixMicros> read_time(const nlohmann::json& record, const char* key,
                                   base::UnixMicros fallback);

// Flattens an object: {"address":{"city":"Leeds"}} gives "address.city".
// Errors: kInvalidArgument if it is not an object, or a list holds more than plain values.
Result<storage::Attributes> to_attributes(const nlohmann::json& object);

}  // namespace kith::profile
