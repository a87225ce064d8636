#include "kith/grammar/json_schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "kith/grammar/json_rules.h"
#include "kith/grammar/number_range.h"
#include "kith/grammar/schema_text.h"
#include "kith/grammar/string_formats.h"
#include "kith/grammar/string_pattern.h"

namespace kith::grammar {
namespace {

constexpr int kMaxCount = 1'000'000;
constexpr std::size_t kMaxNameBytes = 512;
constexpr std::size_t kMaxOneOf = 64;
// Schemas within schemas, references included.
constexpr int kMaxCompileDepth = 200;

constexpr std::array<std::string_view, 7> kTypes = {"string", "integer", "number", "boolean",
                                                    "null",   "object",  "array"};
// Keywords that limit documents, by the type that they speak of ("" for all).
const std::map<std::string, std::string, std::less<>> kKeywords = {
    {"type", ""},
    {"enum", ""},
    {"const", ""},
    {"anyOf", ""},
    {"oneOf", ""},
    {"nullable", ""},
    {"properties", "object"},
    {"required", "object"},
    {"additionalProperties", "object"},
    {"items", "array"},
    {"prefixItems", "array"},
    {"minItems", "array"},
    {"maxItems", "array"},
    {"minLength", "string"},
    {"maxLength", "string"},
    {"pattern", "string"},
    {"format", "string"},
    {"minimum", "number"},
    {"maximum", "number"},
    {"exclusiveMinimum", "number"},
    {"exclusiveMaximum", "number"},
    {"multipleOf", "number"},
};

std::string type_name(const Schema& value) {
  if (value.is_number_integer()) return "integer";
  return value.type_name();
}

bool has_type(const Schema& value, const std::string& type) {
  if (type != "integer" && type != "number") return type_name(value) == type;
  if (!value.is_number()) return false;
  return type == "number" || value.is_number_integer();
}

class SchemaCompiler {
 public:
  SchemaCompiler(const Schema& root, Automaton& automaton)
      : root_(root), automaton_(automaton), rules_(automaton) {}

  // The rule of the documents that satisfy `schema`; made once for equal schemas.
  Result<RuleId> rule_for(const Schema& schema, const std::string& place, int depth) {
    if (automaton_.is_too_large()) return schema_error("#", "the schema is too large");
    if (depth > kMaxCompileDepth) return schema_error(place, "the schema is nested too deep");
    if (schema == true) return rules_.value();
    if (schema == false) return automaton_.add_rule();
    if (!schema.is_object()) {
      return schema_error(place, "a schema must be an object or a boolean");
    }
    const auto [known, is_new] = memo_.try_emplace(base::dump_json(schema), -1);
    if (!is_new) return known->second;
    const RuleId rule = automaton_.add_rule();
    known->second = rule;
    KITH_RETURN_IF_ERROR(fill(rule, schema, place, depth));
    return rule;
  }

 private:
  NodeId start(RuleId rule) const { return automaton_.rule(rule).start; }
  NodeId end(RuleId rule) const { return automaton_.rule(rule).end; }
  void add_alternative(RuleId rule, RuleId alternative) {
    automaton_.add_call(start(rule), alternative, end(rule));
  }

  Status fill(RuleId rule, const Schema& schema, const std::string& place, int depth) {
    const auto limits = std::count_if(schema.items().begin(), schema.items().end(),
                                      [](const auto& item) { return !is_annotation(item.key()); });
    const auto ref = schema.find("$ref");
    if (ref != schema.end() && limits == 1) {
      if (!ref->is_string()) return schema_error(place, "$ref must be a string");
      const auto name = ref->get<std::string>();
      KITH_ASSIGN_OR_RETURN(const Schema* target, find_reference(root_, name, place));
      KITH_ASSIGN_OR_RETURN(const RuleId called, rule_for(*target, name, depth + 1));
      add_alternative(rule, called);
      return {};
    }
    KITH_ASSIGN_OR_RETURN(const Schema whole, merge_parts(root_, schema, place));
    KITH_RETURN_IF_ERROR(check_keywords(whole, place));
    KITH_ASSIGN_OR_RETURN(const auto types, read_types(whole, place));
    if (whole.contains("const") || whole.contains("enum")) {
      return add_constants(rule, whole, types, place);
    }
    if (whole.contains("anyOf") || whole.contains("oneOf")) {
      return add_alternatives(rule, whole, place, depth);
    }
    for (const std::string& type : types) {
      RuleId typed = rule;
      if (types.size() > 1) {
        typed = automaton_.add_rule();
        add_alternative(rule, typed);
      }
      KITH_RETURN_IF_ERROR(add_typed(typed, type, whole, place, depth));
    }
    return {};
  }

  Status check_keywords(const Schema& schema, const std::string& place) const {
    for (const auto& [keyword, value] : schema.items()) {
      if (is_annotation(keyword) || kKeywords.contains(keyword)) continue;
      if (keyword == "uniqueItems" && value == false) continue;
      return schema_error(place, "the keyword is not supported: " + keyword.substr(0, 64));
    }
    return {};
  }

  // Keywords besides `allowed` that limit documents are refused: "enum beside pattern".
  Status check_alone(const Schema& schema, const std::string& keyword,
                     const std::set<std::string, std::less<>>& allowed,
                     const std::string& place) const {
    for (const auto& [other, value] : schema.items()) {
      if (is_annotation(other) || other == keyword || allowed.contains(other)) continue;
      return schema_error(place, keyword + " beside " + other + " is not supported");
    }
    return {};
  }

  // The types that are written. Without `type`, the one that the other keywords speak of: its
  // documents are valid, though others may be.
  Result<std::vector<std::string>> read_types(const Schema& schema,
                                              const std::string& place) const {
    std::vector<std::string> types;
    const auto type = schema.find("type");
    if (type != schema.end()) {
      const Schema list = type->is_array() ? *type : Schema::array({*type});
      for (const Schema& name : list) {
        if (!name.is_string() || std::find(kTypes.begin(), kTypes.end(), name) == kTypes.end()) {
          return schema_error(place,
                              "type must be string, integer, number, boolean, null, object, "
                              "array or an array of these");
        }
        types.push_back(name.get<std::string>());
      }
      if (types.empty()) return schema_error(place, "type must not be empty");
    } else {
      for (const auto& [keyword, about] : kKeywords) {
        if (!about.empty() && schema.contains(keyword)) types.push_back(about);
      }
      if (types.empty()) types.assign(kTypes.begin(), kTypes.end());
    }
    std::sort(types.begin(), types.end());
    types.erase(std::unique(types.begin(), types.end()), types.end());
    const auto has = [&](const char* name) {
      return std::find(types.begin(), types.end(), name) != types.end();
    };
    if (has("number") && has("integer")) std::erase(types, "integer");
    const auto nullable = schema.find("nullable");
    if (nullable != schema.end() && !nullable->is_boolean()) {
      return schema_error(place, "nullable must be a boolean");
    }
    if (nullable != schema.end() && *nullable == true && !has("null")) types.emplace_back("null");
    return types;
  }

  Status add_constants(RuleId rule, const Schema& schema, const std::vector<std::string>& types,
                       const std::string& place) {
    const bool is_const = schema.contains("const");
    KITH_RETURN_IF_ERROR(
        check_alone(schema, is_const ? "const" : "enum", {"type", "nullable"}, place));
    const Schema values = is_const ? Schema::array({schema["const"]}) : schema["enum"];
    if (!values.is_array() || values.empty() || values.size() > kMaxAlternatives) {
      return schema_error(place, "enum must be an array of 1 to 2000 values");
    }
    std::vector<std::string> texts;
    for (const Schema& value : values) {
      const bool fits = std::any_of(types.begin(), types.end(), [&value](const std::string& type) {
        return has_type(value, type);
      });
      if (fits) texts.push_back(base::dump_json(value));
    }
    automaton_.add_choice(start(rule), std::move(texts), end(rule));
    return {};
  }

  Status add_alternatives(RuleId rule, const Schema& schema, const std::string& place, int depth) {
    const std::string keyword = schema.contains("anyOf") ? "anyOf" : "oneOf";
    KITH_RETURN_IF_ERROR(check_alone(schema, keyword, {"nullable"}, place));
    const Schema& list = schema[keyword];
    if (!list.is_array() || list.empty()) {
      return schema_error(place, keyword + " must be an array that is not empty");
    }
    if (keyword == "oneOf") KITH_RETURN_IF_ERROR(check_one_of(list, place));
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string at = place + "/" + keyword + "/" + std::to_string(i);
      KITH_ASSIGN_OR_RETURN(const RuleId alternative, rule_for(list[i], at, depth + 1));
      add_alternative(rule, alternative);
    }
    if (schema.value("nullable", false)) add_alternative(rule, rules_.literal("null"));
    return {};
  }

  // What satisfies two alternatives of oneOf is not valid, so they must exclude each other.
  Status check_one_of(const Schema& list, const std::string& place) const {
    if (list.size() > kMaxOneOf) return schema_error(place, "oneOf has more than 64 alternatives");
    for (std::size_t i = 0; i < list.size(); ++i) {
      for (std::size_t k = i + 1; k < list.size(); ++k) {
        if (are_disjoint(root_, list[i], list[k])) continue;
        return schema_error(place, "oneOf/" + std::to_string(i) + " and oneOf/" +
                                       std::to_string(k) +
                                       " may both be satisfied (they need different types or a "
                                       "required property with different constants); use anyOf");
      }
    }
    return {};
  }

  Status add_typed(RuleId rule, const std::string& type, const Schema& schema,
                   const std::string& place, int depth) {
    if (type == "object") return add_object(rule, schema, place, depth);
    if (type == "array") return add_array(rule, schema, place, depth);
    if (type == "string") return add_string(rule, schema, place);
    if (type == "integer" || type == "number") {
      return add_number(rule, schema, type == "integer", place);
    }
    if (type == "null") {
      add_alternative(rule, rules_.literal("null"));
      return {};
    }
    add_alternative(rule, rules_.literal("true"));
    add_alternative(rule, rules_.literal("false"));
    return {};
  }

  // [0, kMaxCount], or `absent`.
  Result<int> read_count(const Schema& schema, const char* keyword, int absent,
                         const std::string& place) const {
    const auto found = schema.find(keyword);
    if (found == schema.end()) return absent;
    if (!found->is_number_integer() || *found < 0 || *found > kMaxCount) {
      return schema_error(place, std::string(keyword) + " must be an integer in [0, 1000000]");
    }
    return found->get<int>();
  }

  Status add_string(RuleId rule, const Schema& schema, const std::string& place) {
    StringLength length;
    KITH_ASSIGN_OR_RETURN(length.min, read_count(schema, "minLength", 0, place));
    KITH_ASSIGN_OR_RETURN(length.max, read_count(schema, "maxLength", kNoLimit, place));
    // Nothing is that short: the rule stays empty.
    if (length.max != kNoLimit && length.max < length.min) return {};
    const auto pattern = schema.find("pattern");
    const auto format = schema.find("format");
    if (pattern != schema.end() && format != schema.end()) {
      return schema_error(place, "pattern beside format is not supported");
    }
    std::optional<std::string> expression;
    if (pattern != schema.end()) {
      if (!pattern->is_string()) return schema_error(place, "pattern must be a string");
      expression = pattern->get<std::string>();
    }
    if (format != schema.end()) {
      if (format->is_string()) expression = find_format(format->get_ref<const std::string&>());
      if (!expression) return schema_error(place, "format must be one of " + known_formats());
    }
    if (!expression) {
      add_alternative(rule, rules_.string(length.min, length.max));
      return {};
    }
    auto string = add_pattern_string(automaton_, rules_, *expression, length);
    if (!string) return schema_error(place, string.error().message);
    add_alternative(rule, *string);
    return {};
  }

  Result<std::optional<Bound>> read_bound(const Schema& schema, const char* inclusive,
                                          const char* exclusive, const std::string& place) const {
    const bool is_exclusive = schema.contains(exclusive);
    if (is_exclusive && schema.contains(inclusive)) {
      return schema_error(place,
                          std::string(inclusive) + " beside " + exclusive + " is not supported");
    }
    const auto found = schema.find(is_exclusive ? exclusive : inclusive);
    if (found == schema.end()) return std::optional<Bound>();
    if (!found->is_number())
      return schema_error(place, std::string(inclusive) + " must be a number");
    auto value = Decimal::parse(base::dump_json(*found));
    if (!value) return schema_error(place, value.error().message);
    return std::optional<Bound>(Bound{.value = *std::move(value), .is_exclusive = is_exclusive});
  }

  Status read_multiple(const Schema& schema, NumberRange& range, const std::string& place) const {
    const auto found = schema.find("multipleOf");
    if (found == schema.end()) return {};
    if (!found->is_number()) return schema_error(place, "multipleOf must be a number");
    const auto value = Decimal::parse(base::dump_json(*found));
    if (!value) return schema_error(place, "multipleOf: " + value.error().message);
    const auto multiple = Multiple::create(*value);
    if (!multiple) return schema_error(place, multiple.error().message);
    range.multiple = *multiple;
    if (range.num_remainders() > kMaxRemainders) {
      return schema_error(
          place,
          "multipleOf has too many remainders: integers up to 1000 always fit, others "
          "with close bounds, or if they are made of 2, 5 and little else");
    }
    return {};
  }

  Status add_number(RuleId rule, const Schema& schema, bool is_integer, const std::string& place) {
    NumberRange range{.is_integer = is_integer};
    KITH_ASSIGN_OR_RETURN(range.low, read_bound(schema, "minimum", "exclusiveMinimum", place));
    KITH_ASSIGN_OR_RETURN(range.high, read_bound(schema, "maximum", "exclusiveMaximum", place));
    KITH_RETURN_IF_ERROR(read_multiple(schema, range, place));
    if (range.low || range.high || range.multiple) {
      add_number_range(automaton_, start(rule), range, end(rule));
    } else {
      add_alternative(rule, is_integer ? rules_.integer() : rules_.number());
    }
    return {};
  }

  Result<std::set<std::string>> read_required(const Schema& schema,
                                              const std::string& place) const {
    std::set<std::string> names;
    const auto required = schema.find("required");
    if (required == schema.end()) return names;
    if (!required->is_array()) return schema_error(place, "required must be an array of names");
    for (const Schema& name : *required) {
      if (!name.is_string()) return schema_error(place, "required must be an array of names");
      names.insert(name.get<std::string>());
    }
    return names;
  }

  // The rule of values under names that `properties` does not have, if there may be any.
  Result<std::optional<RuleId>> read_others(const Schema& schema, const std::string& place,
                                            int depth) {
    const auto others = schema.find("additionalProperties");
    if (others != schema.end()) {
      if (*others == false) return std::optional<RuleId>();
      KITH_ASSIGN_OR_RETURN(const RuleId rule,
                            rule_for(*others, place + "/additionalProperties", depth + 1));
      return std::optional<RuleId>(rule);
    }
    // Declared objects hold what is declared; others, anything.
    if (schema.contains("properties") || schema.contains("required")) {
      return std::optional<RuleId>();
    }
    return std::optional<RuleId>(rules_.value());
  }

  Status add_object(RuleId rule, const Schema& schema, const std::string& place, int depth) {
    ObjectShape shape;
    KITH_ASSIGN_OR_RETURN(std::set<std::string> required, read_required(schema, place));
    KITH_ASSIGN_OR_RETURN(shape.others, read_others(schema, place, depth));
    if (const auto properties = schema.find("properties"); properties != schema.end()) {
      if (!properties->is_object()) return schema_error(place, "properties must be an object");
      for (const auto& [name, property] : properties->items()) {
        const std::string at = place + "/properties/" + name;
        if (name.size() > kMaxNameBytes) return schema_error(at, "a name has more than 512 bytes");
        KITH_ASSIGN_OR_RETURN(const RuleId value, rule_for(property, at, depth + 1));
        shape.properties.push_back({name, value, required.erase(name) > 0});
      }
    }
    // Required, but declared nowhere.
    const auto others = schema.find("additionalProperties");
    for (const std::string& name : required) {
      if (name.size() > kMaxNameBytes) return schema_error(place, "a name has more than 512 bytes");
      if (others != schema.end() && *others == false) {
        return schema_error(place,
                            "required names a property that is not among properties, and "
                            "additionalProperties is false");
      }
      shape.properties.push_back({name, shape.others.value_or(rules_.value()), true});
    }
    rules_.add_object(rule, shape);
    return {};
  }

  Status add_array(RuleId rule, const Schema& schema, const std::string& place, int depth) {
    ArrayShape shape;
    KITH_ASSIGN_OR_RETURN(shape.min_items, read_count(schema, "minItems", 0, place));
    KITH_ASSIGN_OR_RETURN(shape.max_items, read_count(schema, "maxItems", kNoLimit, place));
    if (shape.max_items != kNoLimit && shape.max_items < shape.min_items) return {};
    if (const auto first = schema.find("prefixItems"); first != schema.end()) {
      if (!first->is_array()) return schema_error(place, "prefixItems must be an array");
      for (std::size_t i = 0; i < first->size(); ++i) {
        const std::string at = place + "/prefixItems/" + std::to_string(i);
        KITH_ASSIGN_OR_RETURN(const RuleId item, rule_for((*first)[i], at, depth + 1));
        shape.first.push_back(item);
      }
    }
    if (const auto items = schema.find("items"); items != schema.end()) {
      if (*items != false) {
        KITH_ASSIGN_OR_RETURN(const RuleId item, rule_for(*items, place + "/items", depth + 1));
        shape.items = item;
      }
    } else if (shape.first.empty() || static_cast<int>(shape.first.size()) < shape.min_items) {
      shape.items = rules_.value();
    }
    rules_.add_array(rule, shape);
    return {};
  }

  const Schema& root_;
  Automaton& automaton_;
  JsonRules rules_;
  std::map<std::string, RuleId> memo_;
};

}  // namespace

Result<Automaton> compile_json_schema(std::string_view schema) {
  KITH_ASSIGN_OR_RETURN(const Schema root, parse_schema(schema));
  Automaton automaton;
  SchemaCompiler compiler(root, automaton);
  KITH_ASSIGN_OR_RETURN(const RuleId rule, compiler.rule_for(root, "#", 0));
  if (automaton.is_too_large()) return schema_error("#", "the schema is too large");
  automaton.set_root(rule);
  return automaton;
}

Automaton any_json_object() {
  Automaton automaton;
  JsonRules rules(automaton);
  automaton.set_root(rules.any_object());
  return automaton;
}

Result<Automaton> compile_choice(const std::vector<std::string>& texts) {
  const bool has_empty =
      std::any_of(texts.begin(), texts.end(), [](const std::string& text) { return text.empty(); });
  if (texts.empty() || texts.size() > kMaxAlternatives || has_empty) {
    return Error{ErrorCode::kInvalidArgument, "a choice must be of 1 to 2000 texts, none empty"};
  }
  Automaton automaton;
  const RuleId rule = automaton.add_rule();
  automaton.add_choice(automaton.rule(rule).start, texts, automaton.rule(rule).end);
  automaton.set_root(rule);
  return automaton;
}

}  // namespace kith::grammar
