// JSON behind one door: parsing that returns errors instead of throwing, and readers of optional
// members. Include in .cc files only (nlohmann's header is slow to compile); headers of other
// modules take text or their own structs, or include <nlohmann/json_fwd.hpp>.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "kith/base/result.h"

namespace kith::base {

using Json = nlohmann::json;
// Keeps the order of members, for files that people read.
using OrderedJson = nlohmann::ordered_json;

// Deepest nesting that parse_json accepts: a parser must not run out of stack on hostile input.
inline constexpr int kMaxJsonDepth = 256;

// Errors: kInvalidArgument with line and column if `text` is not one JSON value in valid UTF-8, or
//   is nested deeper than kMaxJsonDepth; the message quotes nothing of the text.
Result<Json> parse_json(std::string_view text);
Result<OrderedJson> parse_ordered_json(std::string_view text);

// Serializes on one line; invalid UTF-8 is replaced by U+FFFD instead of throwing.
std::string dump_json(const Json& value);
std::string dump_json(const OrderedJson& value);

// The member of `object` called `key`, or no value if it is absent or null.
// Errors: kInvalidArgument if it has another type; the message names the key.
Result<std::optional<std::string>> read_string(const Json& object, const char* key);
Result<std::optional<double>> read_number(const Json& object, const char* key);
Result<std::optional<std::int64_t>> read_integer(const Json& object, const char* key);
Result<std::optional<bool>> read_bool(const Json& object, const char* key);

}  // namespace kith::base
