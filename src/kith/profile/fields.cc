#include "kith/profile/fields.h"

#include <charconv>
#include <cmath>

#include "kith/base/json.h"

namespace kith::profile {
namespace {

using base::Json;

Error wrong(const std::string& key, const char* allowed) {
  return Error{ErrorCode::kInvalidArgument, "\"" + key + "\" must be " + allowed};
}

const Json* find_member(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found == record.end() || found->is_null() ? nullptr : &*found;
}

std::optional<double> parse_real(const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::string plain_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : base::dump_json(value);
}

Result<std::string> join_list(const std::string& name, const Json& list) {
  std::string joined;
  for (const Json& item : list) {
    if (item.is_structured()) return wrong(name, "a list of plain values");
    if (item.is_null()) continue;
    if (!joined.empty()) joined += ", ";
    joined += plain_text(item);
  }
  return joined;
}

Status add_attributes(const std::string& prefix, const Json& object, storage::Attributes& out) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix + key;
    if (value.is_object()) {
      KITH_RETURN_IF_ERROR(add_attributes(name + ".", value, out));
    } else if (value.is_array()) {
      KITH_ASSIGN_OR_RETURN(out[name], join_list(name, value));
    } else if (!value.is_null()) {
      out[name] = plain_text(value);
    }
  }
  return {};
}

}  // namespace

Result<std::optional<std::string>> read_text(const Json& record, const char* key) {
  const Json* value = find_member(record, key);
  if (value == nullptr) return std::optional<std::string>{};
  if (!value->is_string() && !value->is_number()) return wrong(key, "a text");
  return std::optional<std::string>(plain_text(*value));
}

Result<std::string> require_text(const Json& record, const char* key) {
  KITH_ASSIGN_OR_RETURN(std::optional<std::string> text, read_text(record, key));
  if (!text || text->empty()) return wrong(key, "given and not empty");
  return *std::move(text);
}

Result<std::optional<double>> read_real(const Json& record, const char* key) {
  const Json* value = find_member(record, key);
  if (value == nullptr) return std::optional<double>{};
  if (value->is_number() && std::isfinite(value->get<double>())) {
    return std::optional<double>(value->get<double>());
  }
  const auto number = value->is_string() ? parse_real(value->get<std::string>()) : std::nullopt;
  if (!number) return wrong(key, "a finite number");
  return number;
}

Result<bool> to_flag(const Json& value, const std::string& key) {
  if (value.is_boolean()) return value.get<bool>();
  const std::string text = value.is_structured() ? "" : plain_text(value);
  if (text == "true" || text == "1" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "no") return false;
  return wrong(key, "true or false");
}

Result<base::UnixMicros> read_time(const Json& record, const char* key, base::UnixMicros fallback) {
  const Json* value = find_member(record, key);
  if (value == nullptr) return fallback;
  std::optional<double> seconds;
  if (value->is_number()) seconds = value->get<double>();
  if (value->is_string()) {
    const auto at = base::from_iso8601(value->get<std::string>());
    if (at) return *at;
    seconds = parse_real(value->get<std::string>());
  }
  // The years of ISO 8601. The last microsecond of them is no double.
  constexpr auto kFirst = static_cast<double>(base::kFirstMicros);
  constexpr auto kEnd = static_cast<double>(base::kLastMicros);
  if (!seconds || !(*seconds * 1e6 >= kFirst && *seconds * 1e6 < kEnd)) {
    return wrong(key, "ISO 8601, like 2026-03-01T09:30:00Z, or Unix seconds");
  }
  return static_cast<base::UnixMicros>(std::llround(*seconds * 1e6));
}

Result<storage::Attributes> to_attributes(const Json& object) {
  if (!object.is_object()) return wrong("attributes", "an object");
  storage::Attributes attributes;
  KITH_RETURN_IF_ERROR(add_attributes("", object, attributes));
  return attributes;
}

}  // namespace kith::profile
