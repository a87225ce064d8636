#include "kith/grammar/schema_text.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "kith/grammar/json_schema.h"
#include "kith/text/utf8.h"

namespace kith::grammar {
namespace {

constexpr std::array<std::string_view, 15> kAnnotations = {
    "title",      "description", "default",     "examples",      "example",
    "deprecated", "readOnly",    "writeOnly",   "$comment",      "$schema",
    "$id",        "$defs",       "definitions", "discriminator", "x-order"};

// Parsing into ordered objects takes time in the square of their size, so that is looked at first.
Status check_size(const base::Json& node, int depth) {
  if (depth > 2 * kMaxSchemaDepth) return schema_error("#", "the schema is nested too deep");
  if (node.is_object() && node.size() > kMaxAlternatives) {
    return schema_error("#", "an object of the schema has more than 2000 members");
  }
  if (!node.is_structured()) return {};
  for (const auto& item : node) KITH_RETURN_IF_ERROR(check_size(item, depth + 1));
  return {};
}

// "~1" is "/" and "~0" is "~" in a JSON pointer (RFC 6901).
std::string unescape(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool is_escape = token[i] == '~' && i + 1 < token.size();
    if (is_escape && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out.push_back(token[++i] == '0' ? '~' : '/');
    } else {
      out.push_back(token[i]);
    }
  }
  return out;
}

const Schema* find_token(const Schema& node, const std::string& token) {
  if (node.is_object()) {
    const auto found = node.find(token);
    return found == node.end() ? nullptr : &*found;
  }
  const bool is_index =
      node.is_array() && !token.empty() && token.size() < 6 &&
      std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_index) return nullptr;
  const auto index = static_cast<std::size_t>(std::stoul(token));
  return index < node.size() ? &node[index] : nullptr;
}

// Puts `part` into `whole`.
Status join(const Schema& part, Schema& whole, const std::string& place) {
  if (part.is_boolean()) {
    if (part.get<bool>()) return {};
    return schema_error(place, "a part of allOf that nothing satisfies is not supported");
  }
  for (const auto& [keyword, value] : part.items()) {
    if (is_annotation(keyword)) continue;
    const auto there = whole.find(keyword);
    if (there == whole.end()) {
      whole[keyword] = value;
      continue;
    }
    if (*there == value) continue;
    if (keyword == "required" && there->is_array() && value.is_array()) {
      for (const Schema& name : value) {
        if (std::find(there->begin(), there->end(), name) == there->end()) there->push_back(name);
      }
    } else if (keyword == "properties" && there->is_object() && value.is_object()) {
      for (const auto& [name, property] : value.items()) {
        const auto known = there->find(name);
        if (known != there->end() && *known != property) {
          return schema_error(place, "two parts of allOf say different things about a property");
        }
        (*there)[name] = property;
      }
    } else {
      return schema_error(place,
                          "two parts of allOf (or $ref and what stands beside it) say "
                          "different things with " +
                              keyword);
    }
  }
  return {};
}

bool limits_members(const Schema& schema) {
  return schema.is_object() && schema.contains("additionalProperties") &&
         schema["additionalProperties"] != true;
}

class Merger {
 public:
  Merger(const Schema& root, std::string place) : root_(root), place_(std::move(place)) {}

  Status add(const Schema& schema, int depth) {
    // Parts that each have two parts double with every step.
    if (depth > kMaxSchemaDepth || ++num_visited_ > kMaxVisited) {
      return schema_error(place_, "$ref and allOf lead to each other without an end");
    }
    if (!schema.is_object()) return join(schema, whole_, place_);
    Schema own = schema;
    own.erase("$ref");
    own.erase("allOf");
    const bool has_own = std::any_of(own.items().begin(), own.items().end(),
                                     [](const auto& item) { return !is_annotation(item.key()); });
    if (has_own) {
      ++num_parts_;
      num_limited_ += limits_members(own) ? 1 : 0;
      KITH_RETURN_IF_ERROR(join(own, whole_, place_));
    }
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      if (!ref->is_string()) return schema_error(place_, "$ref must be a string");
      KITH_ASSIGN_OR_RETURN(const Schema* target,
                            find_reference(root_, ref->get<std::string>(), place_));
      KITH_RETURN_IF_ERROR(add(*target, depth + 1));
    }
    if (const auto parts = schema.find("allOf"); parts != schema.end()) {
      if (!parts->is_array() || parts->empty()) {
        return schema_error(place_, "allOf must be an array that is not empty");
      }
      for (const Schema& part : *parts) KITH_RETURN_IF_ERROR(add(part, depth + 1));
    }
    return {};
  }

  Result<Schema> take() {
    // Each part would forbid the properties of the others.
    if (num_limited_ > 0 && num_parts_ > 1) {
      return schema_error(place_,
                          "additionalProperties in a part of allOf, or beside $ref, is not "
                          "supported");
    }
    return std::move(whole_);
  }

 private:
  static constexpr int kMaxVisited = 200;

  const Schema& root_;
  const std::string place_;
  int num_visited_ = 0;
  Schema whole_ = Schema::object();
  int num_parts_ = 0;
  int num_limited_ = 0;
};

// The types that `schema` allows; empty: any.
std::set<std::string> types_of(const Schema& schema) {
  std::set<std::string> types;
  const auto add = [&types](const Schema& name) {
    if (!name.is_string()) return;
    // Every integer is a number.
    types.insert(name == "integer" ? "number" : name.get<std::string>());
  };
  const auto type = schema.find("type");
  if (type == schema.end()) return types;
  if (type->is_array()) {
    for (const Schema& name : *type) add(name);
  } else {
    add(*type);
  }
  if (schema.value("nullable", Schema(false)) == true) types.insert("null");
  return types;
}

// The constants that `schema` allows; empty: not limited to some.
std::vector<Schema> constants_of(const Schema& schema) {
  if (const auto one = schema.find("const"); one != schema.end()) return {*one};
  const auto list = schema.find("enum");
  if (list == schema.end() || !list->is_array()) return {};
  return {list->begin(), list->end()};
}

// Without a member in common, if both are limited.
template <typename List>
bool share_nothing(const List& a, const List& b) {
  if (a.empty() || b.empty()) return false;
  return std::none_of(a.begin(), a.end(), [&b](const auto& item) {
    return std::find(b.begin(), b.end(), item) != b.end();
  });
}

bool is_required(const Schema& schema, const std::string& name) {
  const auto required = schema.find("required");
  return required != schema.end() && required->is_array() &&
         std::find(required->begin(), required->end(), name) != required->end();
}

}  // namespace

Error schema_error(const std::string& place, const std::string& message) {
  constexpr std::size_t kMaxPlace = 200;
  const std::string_view shown = text::truncate_utf8(place, kMaxPlace);
  return Error{ErrorCode::kInvalidArgument,
               std::string(shown) + (shown.size() < place.size() ? "..." : "") + ": " + message};
}

Result<Schema> parse_schema(std::string_view text) {
  if (text.size() > kMaxSchemaBytes) {
    return schema_error("#", "the schema is longer than 128 KiB");
  }
  KITH_ASSIGN_OR_RETURN(const base::Json any_order, base::parse_json(text));
  if (!any_order.is_object() && !any_order.is_boolean()) {
    return schema_error("#", "a schema must be an object or a boolean");
  }
  KITH_RETURN_IF_ERROR(check_size(any_order, 0));
  return base::parse_ordered_json(text);
}

bool is_annotation(std::string_view keyword) {
  return std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end();
}

Result<const Schema*> find_reference(const Schema& root, const std::string& reference,
                                     const std::string& place) {
  if (reference != "#" && !reference.starts_with("#/")) {
    return schema_error(place, "$ref must be \"#\" or begin with \"#/\"");
  }
  const Schema* node = &root;
  std::string_view left = std::string_view(reference).substr(1);
  while (!left.empty()) {
    left.remove_prefix(1);
    const std::size_t end = std::min(left.find('/'), left.size());
    node = find_token(*node, unescape(left.substr(0, end)));
    if (node == nullptr) return schema_error(place, "$ref leads nowhere");
    left.remove_prefix(end);
  }
  return node;
}

Result<Schema> merge_parts(const Schema& root, const Schema& schema, const std::string& place) {
  if (!schema.contains("$ref") && !schema.contains("allOf")) return schema;
  Merger merger(root, place);
  KITH_RETURN_IF_ERROR(merger.add(schema, 0));
  return merger.take();
}

bool are_disjoint(const Schema& root, const Schema& a, const Schema& b) {
  if (a.is_boolean() || b.is_boolean()) return a == false || b == false;
  const auto left = merge_parts(root, a, "#");
  const auto right = merge_parts(root, b, "#");
  if (!left || !right) return false;
  if (share_nothing(types_of(*left), types_of(*right))) return true;
  if (share_nothing(constants_of(*left), constants_of(*right))) return true;
  const auto mine = left->find("properties");
  const auto theirs = right->find("properties");
  if (mine == left->end() || theirs == right->end()) return false;
  // Only objects have members: what is no object could satisfy both.
  const std::set<std::string> object{"object"};
  if (types_of(*left) != object || types_of(*right) != object) return false;
  if (!mine->is_object() || !theirs->is_object()) return false;
  for (const auto& [name, property] : mine->items()) {
    const auto other = theirs->find(name);
    if (other == theirs->end() || !property.is_object() || !other->is_object()) continue;
    if (!is_required(*left, name) || !is_required(*right, name)) continue;
    if (share_nothing(constants_of(property), constants_of(*other))) return true;
  }
  return false;
}

}  // namespace kith::grammar
