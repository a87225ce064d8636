#include "kith/api/records.h"

#include <algorithm>

#include "kith/api/field_reader.h"
#include "kith/base/json.h"

namespace kith::api {
namespace {

using Json = base::OrderedJson;

void put_text(Json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

// JSON text of our own stores; a damaged one is left out.
void put_json(Json& object, const char* key, const std::string& text) {
  if (text.empty()) return;
  Result<Json> json = base::parse_ordered_json(text);
  if (json) object[key] = *std::move(json);
}

Json model_json(const ModelCard& model) {
  Json object{{"id", model.id},
              {"object", "model"},
              {"created", model.created},
              {"owned_by", model.owned_by},
              {"root", model.parent.empty() ? model.id : model.parent}};
  object["parent"] = model.parent.empty() ? Json(nullptr) : Json(model.parent);
  return object;
}

Json user_json(const UserView& user) {
  Json object = Json::object();
  object["id"] = user.id;
  object["attributes"] = user.attributes;
  object["consent"] = user.consent;
  put_text(object, "created_at", user.created_at);
  put_text(object, "updated_at", user.updated_at);
  if (!user.persona.empty()) {
    object["persona"] = Json::object();
    for (const auto& [persona, probability] : user.persona)
      object["persona"][persona] = probability;
  }
  if (user.abstain) object["abstain"] = *user.abstain;
  put_json(object, "evidence", user.evidence);
  put_json(object, "persona_changes", user.persona_changes);
  return object;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Outcome<AdapterOrder> parse_adapter_order(std::string_view body, bool loads) {
  const Result<base::Json> json = base::parse_json(body);
  if (!json || !json->is_object()) {
    return bad_request("the body must be a JSON object", {}, "invalid_json");
  }
  AdapterOrder order;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  const auto name = reader.id("lora_name");
  if (!name) reader.fail("lora_name", "is required");
  if (loads) {
    const auto path = reader.string("lora_path", 4096);
    if (!path || path->empty()) reader.fail("lora_path", "is required");
    if (path && has_control(*path)) {
      reader.fail("lora_path", "must not hold control characters");
    }
    order.path = path.value_or("");
    order.replaces = reader.boolean("load_inplace").value_or(false);
  }
  if (failure) return *std::move(failure);
  order.name = *name;
  return order;
}

void flatten(const base::Json& object, const std::string& prefix, TextMap& attributes,
             FieldReader& reader) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix + key;
    if (value.is_null()) continue;
    if (!is_valid_id(name)) {
      return reader.fail("attributes", "must have names of 1 to 256 bytes");
    }
    if (value.is_object()) {
      flatten(value, name + ".", attributes, reader);
    } else if (value.is_array()) {
      return reader.fail("attributes." + name, "must be a text or a number", "invalid_type");
    } else {
      attributes[name] = value.is_string() ? value.get<std::string>() : base::dump_json(value);
    }
  }
}

Json feedback_json(const FeedbackView& feedback) {
  Json object{{"kind", feedback.kind}};
  if (feedback.value) {
    object["value"] = *feedback.value;
  } else {
    object["value"] = feedback.text;
  }
  object["at"] = feedback.at;
  return object;
}

}  // namespace

std::string model_body(const ModelCard& model) { return base::dump_json(model_json(model)); }

std::string models_body(const std::vector<ModelCard>& models) {
  Json body{{"object", "list"}, {"data", Json::array()}};
  for (const ModelCard& model : models) body["data"].push_back(model_json(model));
  return base::dump_json(body);
}

std::string user_body(const UserView& user) { return base::dump_json(user_json(user)); }

std::string users_body(const std::vector<UserView>& users, const std::string& next) {
  Json body{{"object", "list"}, {"data", Json::array()}};
  for (const UserView& user : users) body["data"].push_back(user_json(user));
  put_text(body, "next", next);
  return base::dump_json(body);
}

Outcome<AdapterOrder> parse_load_adapter(std::string_view body) {
  return parse_adapter_order(body, true);
}

Outcome<AdapterOrder> parse_unload_adapter(std::string_view body) {
  return parse_adapter_order(body, false);
}

std::string lora_adapters_body(const std::vector<AdapterView>& adapters) {
  Json list = Json::array();
  for (const AdapterView& adapter : adapters) {
    // The scale of requests that name no adapter.
    list.push_back(
        {{"id", adapter.id}, {"name", adapter.name}, {"path", adapter.path}, {"scale", 0.0}});
  }
  return base::dump_json(list);
}

Outcome<UserUpdate> parse_user_update(std::string_view body) {
  const Result<base::Json> json = base::parse_json(body);
  if (!json)
    return bad_request("the body is not JSON: " + json.error().message, {}, "invalid_json");
  if (!json->is_object()) return bad_request("the body must be a JSON object", {}, "invalid_json");
  UserUpdate update;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  const base::Json* attributes = reader.object("attributes");
  if (attributes != nullptr) flatten(*attributes, "", update.attributes.emplace(), reader);
  const base::Json* consent = reader.object("consent");
  if (consent != nullptr) {
    for (const auto& [purpose, granted] : consent->items()) {
      if (!granted.is_boolean() || !is_valid_id(purpose)) {
        reader.fail("consent", "must map purposes to booleans", "invalid_type");
      } else {
        update.consent[purpose] = granted.get<bool>();
      }
    }
  }
  // The document that GET returns can be sent back as it is.
  for (const char* key :
       {"id", "created_at", "updated_at", "persona", "abstain", "evidence", "persona_changes"}) {
    reader.member(key);
  }
  for (const std::string& name : reader.unread()) reader.fail(name, "is not known");
  if (failure) return *std::move(failure);
  return update;
}

std::string decision_body(const DecisionView& decision) {
  Json body = Json::object();
  body["id"] = decision.id;
  put_text(body, "user", decision.user);
  put_text(body, "conversation", decision.conversation);
  put_text(body, "completion", decision.completion);
  body["at"] = decision.at;
  put_text(body, "persona", decision.persona);
  put_text(body, "adapter", decision.adapter);
  if (decision.adapter_version > 0) body["adapter_version"] = decision.adapter_version;
  put_text(body, "chosen", decision.chosen);
  body["probability"] = decision.probability;
  put_json(body, "decision", decision.document);
  body["feedback"] = Json::array();
  for (const FeedbackView& feedback : decision.feedback) {
    body["feedback"].push_back(feedback_json(feedback));
  }
  return base::dump_json(body);
}

std::string personas_body(const std::vector<PersonaView>& personas, const std::string& version) {
  Json body{{"object", "list"}, {"version", version}, {"data", Json::array()}};
  for (const PersonaView& persona : personas) {
    Json style{{"tone", persona.tone},
               {"format", persona.format},
               {"language", persona.language},
               {"length", persona.length},
               {"reading_level", persona.reading_level}};
    Json item{{"id", persona.id}, {"name", persona.name}, {"description", persona.description}};
    item["needs"] = persona.needs;
    item["priority"] = persona.priority;
    item["knowledge"] = persona.knowledge;
    if (!persona.escalation.empty()) item["escalation"] = persona.escalation;
    item["style"] = std::move(style);
    put_text(item, "adapter", persona.adapter);
    body["data"].push_back(std::move(item));
  }
  return base::dump_json(body);
}

std::string document_body(const DocumentView& document) {
  Json body{{"id", document.id}, {"title", document.title}, {"text", document.text}};
  put_text(body, "lang", document.lang);
  if (!document.access.empty()) body["access"] = document.access;
  put_text(body, "updated_at", document.updated_at);
  return base::dump_json(body);
}

std::string timeline_body(std::int64_t num_events, const std::vector<EventView>& events,
                          const std::string& next) {
  Json body{{"object", "list"}, {"num_events", num_events}, {"data", Json::array()}};
  for (const EventView& event : events) {
    Json item{{"id", event.id}, {"at", event.at}, {"kind", event.kind}};
    put_text(item, "item", event.item);
    if (!event.categories.empty()) item["categories"] = event.categories;
    if (event.number) item["number"] = *event.number;
    put_text(item, "text", event.text);
    body["data"].push_back(std::move(item));
  }
  put_text(body, "next", next);
  return base::dump_json(body);
}

std::string import_body(const std::string& kind, const ImportView& report) {
  Json body{{"kind", kind},
            {"added", report.added},
            {"updated", report.updated},
            {"unchanged", report.unchanged},
            {"failed", report.failed}};
  if (report.from_the_future > 0) body["from_the_future"] = report.from_the_future;
  body["bad_lines"] = Json::array();
  for (const BadLineView& bad : report.bad_lines) {
    body["bad_lines"].push_back({{"line", bad.line}, {"reason", bad.reason}});
  }
  return base::dump_json(body);
}

}  // namespace kith::api
