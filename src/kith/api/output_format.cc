#include "kith/api/output_format.h"

#include <algorithm>

#include "kith/api/field_reader.h"
#include "kith/base/member_text.h"

namespace kith::api {
namespace {

constexpr std::size_t kMaxChoices = 2000;

using Kind = OutputFormat::Kind;

// The value at the end of a path of members.
std::string text_at(std::string_view body, std::initializer_list<std::string_view> path) {
  for (const std::string_view key : path) {
    const auto text = base::find_member_text(body, key);
    if (!text) return {};
    body = *text;
  }
  return std::string(body);
}

bool is_schema_name(const base::Json& name) {
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

void read_json_schema(FieldReader& reader, std::string_view body, const base::Json& format,
                      OutputFormat& out) {
  const auto member = format.find("json_schema");
  if (member == format.end() || !member->is_object()) {
    return reader.fail("response_format.json_schema", "must be an object", "invalid_type");
  }
  if (member->contains("name") && !is_schema_name((*member)["name"])) {
    return reader.fail("response_format.json_schema.name",
                       "must be 1 to 64 letters, digits, _ and -");
  }
  const auto strict = member->find("strict");
  if (strict != member->end() && !strict->is_null() && !strict->is_boolean()) {
    return reader.fail("response_format.json_schema.strict", "must be a boolean", "invalid_type");
  }
  const auto schema = member->find("schema");
  if (schema == member->end() || schema->is_null()) {
    out.kind = Kind::kJsonObject;
    return;
  }
  if (!schema->is_object()) {
    return reader.fail("response_format.json_schema.schema", "must be an object", "invalid_type");
  }
  out.kind = Kind::kJsonSchema;
  out.schema = text_at(body, {"response_format", "json_schema", "schema"});
}

void read_response_format(FieldReader& reader, std::string_view body, OutputFormat& out) {
  const base::Json* format = reader.object("response_format");
  if (format == nullptr) return;
  const auto type = format->find("type");
  if (type == format->end() || !type->is_string()) {
    return reader.fail("response_format.type", "must be text, json_object or json_schema");
  }
  if (*type == "text") return;
  out.member = "response_format";
  if (*type == "json_schema") return read_json_schema(reader, body, *format, out);
  if (*type != "json_object") {
    out.is_upstream_only = true;
    return;
  }
  out.kind = Kind::kJsonObject;
  // As llama-server knows it.
  const auto schema = format->find("schema");
  if (schema == format->end() || !schema->is_object()) return;
  out.kind = Kind::kJsonSchema;
  out.schema = text_at(body, {"response_format", "schema"});
}

void read_choices(FieldReader& reader, const std::string& path, const base::Json& list,
                  OutputFormat& out) {
  const bool is_valid = list.is_array() && !list.empty() && list.size() <= kMaxChoices &&
                        std::all_of(list.begin(), list.end(), [](const base::Json& item) {
                          return item.is_string() && !item.get_ref<const std::string&>().empty();
                        });
  if (!is_valid) return reader.fail(path, "must be an array of 1 to 2000 texts, none empty");
  out.kind = Kind::kChoice;
  for (const base::Json& item : list) out.choices.push_back(item.get<std::string>());
}

// A schema as an object, or as its text.
void read_guided_json(FieldReader& reader, const std::string& path, const base::Json& schema,
                      std::string text, OutputFormat& out) {
  if (!schema.is_object() && !schema.is_string()) {
    return reader.fail(path, "must be a JSON schema", "invalid_type");
  }
  out.kind = Kind::kJsonSchema;
  out.schema = schema.is_string() ? schema.get<std::string>() : std::move(text);
}

void read_structured_outputs(FieldReader& reader, std::string_view body, OutputFormat& out) {
  const base::Json* object = reader.object("structured_outputs");
  if (object == nullptr) return;
  const auto member = [object](const char* key) {
    const auto found = object->find(key);
    return found == object->end() || found->is_null() ? nullptr : &*found;
  };
  out.member = "structured_outputs";
  if (const base::Json* choice = member("choice")) {
    return read_choices(reader, "structured_outputs.choice", *choice, out);
  }
  if (const base::Json* schema = member("json")) {
    return read_guided_json(reader, "structured_outputs.json", *schema,
                            text_at(body, {"structured_outputs", "json"}), out);
  }
  if (const base::Json* any = member("json_object"); any != nullptr && *any == true) {
    out.kind = Kind::kJsonObject;
    return;
  }
  out.is_upstream_only = true;
}

}  // namespace

OutputFormat read_output_format(FieldReader& reader, std::string_view body) {
  OutputFormat format;
  const auto one_more = [&](const auto& read) {
    OutputFormat next;
    read(next);
    if (next.member.empty()) return;
    if (!format.member.empty()) {
      return reader.fail(next.member, "cannot stand beside " + format.member);
    }
    format = std::move(next);
  };
  one_more([&](OutputFormat& out) { read_response_format(reader, body, out); });
  one_more([&](OutputFormat& out) {
    const base::Json* schema = reader.member("guided_json");
    if (schema == nullptr) return;
    out.member = "guided_json";
    read_guided_json(reader, "guided_json", *schema, text_at(body, {"guided_json"}), out);
  });
  one_more([&](OutputFormat& out) {
    const base::Json* list = reader.member("guided_choice");
    if (list == nullptr) return;
    out.member = "guided_choice";
    read_choices(reader, "guided_choice", *list, out);
  });
  one_more([&](OutputFormat& out) { read_structured_outputs(reader, body, out); });
  return format;
}

}  // namespace kith::api
