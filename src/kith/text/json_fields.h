// Readers for the nodes of a tokenizer.json that name their kind in "type". Include in .cc files
// only.
#pragma once

#include <string>
#include <string_view>

#include "kith/base/json.h"

namespace kith::text {

inline Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// The member or null; never throws.
inline const base::Json& member(const base::Json& node, const char* key) {
  static const base::Json kNull;
  if (!node.is_object()) return kNull;
  const auto it = node.find(key);
  return it == node.end() ? kNull : *it;
}

// Errors: kInvalidArgument if `node` is not an object with a string "type".
inline Result<std::string> read_type(const base::Json& node) {
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(node, "type"));
  if (!type) return invalid("type is missing");
  return *type;
}

inline Result<std::string> require_string(const base::Json& node, const char* key) {
  KITH_ASSIGN_OR_RETURN(auto value, base::read_string(node, key));
  if (!value) return invalid(std::string(key) + " is missing");
  return std::move(*value);
}

inline Result<bool> bool_or(const base::Json& node, const char* key, bool fallback) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_bool(node, key));
  return value.value_or(fallback);
}

// A name from a file, fit for a message: short and printable.
inline std::string quote_name(std::string_view name) {
  std::string out = "\"";
  for (const char c : name.substr(0, 40)) out.push_back(c >= ' ' && c <= '~' ? c : '?');
  return out + "\"";
}

}  // namespace kith::text
