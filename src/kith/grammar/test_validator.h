// A plain validator of JSON Schema that shares nothing with the compiler: it reads a finished
// document. Test code only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "kith/base/json.h"
#include "kith/text/regex.h"
#include "kith/text/utf8.h"

namespace kith::grammar {

class TestValidator {
 public:
  explicit TestValidator(base::OrderedJson root) : root_(std::move(root)) {}

  // Whether `text` is JSON that satisfies the schema, without a name given twice.
  bool accepts(const std::string& text) const {
    const auto document = base::parse_ordered_json(text);
    return document && is_valid(root_, *document);
  }

 private:
  using Json = base::OrderedJson;

  bool is_valid(const Json& schema, const Json& value) const {
    if (schema.is_boolean()) return schema.get<bool>();
    for (const auto& [keyword, limit] : schema.items()) {
      if (!holds(schema, keyword, limit, value)) return false;
    }
    return true;
  }

  static bool has_type(const std::string& type, const Json& value) {
    if (type == "integer") {
      return value.is_number_integer() ||
             (value.is_number() && std::floor(value.get<double>()) == value.get<double>());
    }
    if (type == "number") return value.is_number();
    return value.type_name() == type;
  }

  bool holds(const Json& schema, const std::string& keyword, const Json& limit,
             const Json& value) const {
    const auto any = [&](auto test) { return std::any_of(limit.begin(), limit.end(), test); };
    const auto matches = [&](const Json& part) { return is_valid(part, value); };
    if (keyword == "type") {
      return limit.is_array() ? any([&](const Json& type) { return has_type(type, value); })
                              : has_type(limit, value);
    }
    if (keyword == "enum") return any([&](const Json& one) { return one == value; });
    if (keyword == "const") return limit == value;
    if (keyword == "anyOf") return any(matches);
    if (keyword == "oneOf") return std::count_if(limit.begin(), limit.end(), matches) == 1;
    if (keyword == "allOf") return std::all_of(limit.begin(), limit.end(), matches);
    if (keyword == "$ref") {
      const auto path = limit.get<std::string>().substr(1);
      return is_valid(root_.at(Json::json_pointer(path)), value);
    }
    if (value.is_string()) return string_holds(keyword, limit, value.get<std::string>());
    if (value.is_number()) return number_holds(keyword, limit, value);
    if (value.is_array()) return array_holds(schema, keyword, limit, value);
    if (value.is_object()) return object_holds(schema, keyword, limit, value);
    return true;
  }

  static bool string_holds(const std::string& keyword, const Json& limit, const std::string& text) {
    if (keyword == "minLength") return text::count_code_points(text) >= limit.get<std::size_t>();
    if (keyword == "maxLength") return text::count_code_points(text) <= limit.get<std::size_t>();
    if (keyword != "pattern" || text.empty()) return true;
    std::vector<text::Span> matches;
    text::Regex::compile(limit.get<std::string>())->find_all(text, matches);
    return !matches.empty();
  }

  static bool number_holds(const std::string& keyword, const Json& limit, const Json& value) {
    if (keyword == "minimum") return value >= limit;
    if (keyword == "maximum") return value <= limit;
    if (keyword == "exclusiveMinimum") return value > limit;
    if (keyword == "exclusiveMaximum") return value < limit;
    if (keyword == "multipleOf") {
      const double step = limit.get<double>();
      // Integers exactly; the other steps of these tests are powers of 2.
      return value.is_number_integer() && step >= 1.0
                 ? value.get<std::int64_t>() % static_cast<std::int64_t>(step) == 0
                 : std::fmod(value.get<double>(), step) == 0.0;
    }
    return true;
  }

  bool array_holds(const Json& schema, const std::string& keyword, const Json& limit,
                   const Json& value) const {
    if (keyword == "minItems") return value.size() >= limit.get<std::size_t>();
    if (keyword == "maxItems") return value.size() <= limit.get<std::size_t>();
    if (keyword == "prefixItems") {
      for (std::size_t i = 0; i < std::min(limit.size(), value.size()); ++i) {
        if (!is_valid(limit[i], value[i])) return false;
      }
    }
    if (keyword != "items") return true;
    const std::size_t first = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
    for (std::size_t i = first; i < value.size(); ++i) {
      if (!is_valid(limit, value[i])) return false;
    }
    return true;
  }

  bool object_holds(const Json& schema, const std::string& keyword, const Json& limit,
                    const Json& value) const {
    if (keyword == "required") {
      return std::all_of(limit.begin(), limit.end(),
                         [&](const Json& name) { return value.contains(name.get<std::string>()); });
    }
    for (const auto& [name, member] : value.items()) {
      const bool is_declared = schema.contains("properties") && schema["properties"].contains(name);
      if (keyword == "properties" && is_declared && !is_valid(limit[name], member)) return false;
      if (keyword == "additionalProperties" && !is_declared && !is_valid(limit, member)) {
        return false;
      }
    }
    return true;
  }

  const Json root_;
};

}  // namespace kith::grammar
