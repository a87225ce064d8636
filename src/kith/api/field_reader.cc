#include "kith/api/field_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kith::api {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    // Overlong forms and surrogates are ruled out by the range of the second byte.
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

std::string join(const std::vector<std::string_view>& words) {
  std::string joined;
  for (const std::string_view word : words) {
    if (!joined.empty()) joined += ", ";
    joined += word;
  }
  return joined;
}

std::string shown(double value) { return base::dump_json(base::Json(value)); }

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_valid_id(std::string_view id) {
  constexpr std::size_t kMaxBytes = 256;
  if (id.empty() || id.size() > kMaxBytes) return false;
  while (!id.empty()) {
    const std::size_t length = sequence_length(id);
    const auto lead = static_cast<unsigned char>(id[0]);
    if (length == 0 || lead < 0x20 || lead == 0x7F) return false;
    id.remove_prefix(length);
  }
  return true;
}

FieldReader::FieldReader(const base::Json& object, std::string path,
                         std::optional<ApiError>& failure)
    : object_(object), path_(std::move(path)), failure_(failure) {}

void FieldReader::fail(const std::string& key, const std::string& message, std::string code) {
  if (!failure_) failure_ = bad_request(path_ + key + " " + message, path_ + key, std::move(code));
}

void FieldReader::fail(ApiError failure) {
  if (!failure_) failure_ = std::move(failure);
}

const base::Json* FieldReader::member(const char* key) {
  read_.insert(key);
  if (failure_) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const base::Json* FieldReader::typed(const char* key, bool (base::Json::*is_type)() const noexcept,
                                     const char* type) {
  const base::Json* value = member(key);
  if (value == nullptr || (value->*is_type)()) return value;
  fail(key, std::string("must be ") + type + ", not " + value->type_name(), "invalid_type");
  return nullptr;
}

std::optional<std::string> FieldReader::string(const char* key, std::size_t max_bytes) {
  const base::Json* value = typed(key, &base::Json::is_string, "a string");
  if (value == nullptr) return std::nullopt;
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    fail(key, "must be at most " + std::to_string(max_bytes) +
                  " bytes long: " + std::to_string(text.size()));
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> FieldReader::id(const char* key) {
  std::optional<std::string> text = string(key);
  if (!text || text->empty()) return std::nullopt;
  if (is_valid_id(*text)) return text;
  fail(key, "must be at most 256 bytes without control characters");
  return std::nullopt;
}

std::optional<std::string> FieldReader::choice(const char* key,
                                               std::vector<std::string_view> allowed) {
  std::optional<std::string> text = string(key);
  if (!text) return std::nullopt;
  if (std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return text;
  fail(key, "must be one of " + join(allowed));
  return std::nullopt;
}

std::optional<double> FieldReader::number(const char* key, double low, double high) {
  const base::Json* value = typed(key, &base::Json::is_number, "a number");
  if (value == nullptr) return std::nullopt;
  const double number = value->get<double>();
  if (std::isfinite(number) && number >= low && number <= high) return number;
  fail(key, "must be in [" + shown(low) + ", " + shown(high) + "]: " + shown(number));
  return std::nullopt;
}

std::optional<std::int64_t> FieldReader::integer(const char* key, std::int64_t low,
                                                 std::int64_t high) {
  const base::Json* value = typed(key, &base::Json::is_number_integer, "an integer");
  if (value == nullptr) return std::nullopt;
  const bool is_beyond = value->is_number_unsigned() &&
                         value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = is_beyond ? INT64_MAX : value->get<std::int64_t>();
  if (!is_beyond && number >= low && number <= high) return number;
  fail(key, "must be in [" + std::to_string(low) + ", " + std::to_string(high) +
                "]: " + base::dump_json(*value));
  return std::nullopt;
}

std::optional<bool> FieldReader::boolean(const char* key) {
  const base::Json* value = typed(key, &base::Json::is_boolean, "a boolean");
  return value == nullptr ? std::nullopt : std::optional<bool>(value->get<bool>());
}

const base::Json* FieldReader::array(const char* key) {
  return typed(key, &base::Json::is_array, "an array");
}

const base::Json* FieldReader::object(const char* key) {
  return typed(key, &base::Json::is_object, "an object");
}

std::vector<std::string> FieldReader::unread() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : object_.items()) {
    if (!value.is_null() && !read_.contains(key)) names.push_back(key);
  }
  return names;
}

}  // namespace kith::api
