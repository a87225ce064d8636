#include "kith/base/json.h"

namespace kith::base {
namespace {

// Nesting depth by brackets outside strings; a linear scan before the recursive parser sees it.
bool exceeds_depth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// nlohmann's message without the "[json.exception.parse_error.101] " before it and the bytes at
// fault behind it, which are whatever a stranger sent.
std::string plain_message(std::string_view what) {
  const auto end = what.find("] ");
  if (end != std::string_view::npos) what.remove_prefix(end + 2);
  for (const std::string_view quote : {"; last read: '", " parsing '"}) {
    what = what.substr(0, what.find(quote));
  }
  return std::string(what);
}

template <typename J>
Result<J> parse_as(std::string_view text) {
  if (exceeds_depth(text)) {
    return Error{ErrorCode::kInvalidArgument,
                 "json is nested deeper than " + std::to_string(kMaxJsonDepth)};
  }
  try {
    return J::parse(text);
  } catch (const nlohmann::json::exception& error) {
    return Error{ErrorCode::kInvalidArgument, "invalid json: " + plain_message(error.what())};
  }
}

const Json* find_member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

Error wrong_type(const char* key, const char* wanted) {
  return Error{ErrorCode::kInvalidArgument, std::string(key) + " must be " + wanted};
}

}  // namespace

Result<Json> parse_json(std::string_view text) { return parse_as<Json>(text); }

Result<OrderedJson> parse_ordered_json(std::string_view text) {
  return parse_as<OrderedJson>(text);
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string dump_json(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<std::optional<std::string>> read_string(const Json& object, const char* key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<std::string>();
  if (!member->is_string()) return wrong_type(key, "a string");
  return std::optional<std::string>(member->get<std::string>());
}

Result<std::optional<double>> read_number(const Json& object, const char* key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<double>();
  if (!member->is_number()) return wrong_type(key, "a number");
  return std::optional<double>(member->get<double>());
}

Result<std::optional<std::int64_t>> read_integer(const Json& object, const char* key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<std::int64_t>();
  // An unsigned value above the signed range would wrap to a negative number.
  const bool fits = member->is_number_integer() &&
                    (!member->is_number_unsigned() ||
                     member->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!fits) return wrong_type(key, "an integer");
  return std::optional<std::int64_t>(member->get<std::int64_t>());
}

Result<std::optional<bool>> read_bool(const Json& object, const char* key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<bool>();
  if (!member->is_boolean()) return wrong_type(key, "true or false");
  return std::optional<bool>(member->get<bool>());
}

}  // namespace kith::base
