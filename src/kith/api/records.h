// What the server says about users, decisions, models, personas, documents and imports. Times are
// ISO 8601; absent parts are absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kith/api/error.h"

namespace kith::api {

// Name to value.
using TextMap = std::map<std::string, std::string>;

struct ModelCard {
  std::string id;
  std::int64_t created = 0;  // Unix seconds
  std::string owned_by = "kith";
  std::string parent;  // the base model of an adapter; empty for a base model
};
std::string model_body(const ModelCard& model);
std::string models_body(const std::vector<ModelCard>& models);

// The bodies of POST /v1/load_lora_adapter and /v1/unload_lora_adapter, as vLLM takes them.
struct AdapterOrder {
  std::string name;
  // Of loading only.
  std::string path;
  // Take the place of an adapter of that name.
  bool replaces = false;
};
// Errors: 400 naming the member in `param`. Members that vLLM knows and Kith does not are ignored.
Outcome<AdapterOrder> parse_load_adapter(std::string_view body);
Outcome<AdapterOrder> parse_unload_adapter(std::string_view body);

// The answer to GET /lora-adapters, as llama-server has it.
struct AdapterView {
  int id = 0;
  std::string name;
  // Below the directory of adapters; empty if unknown.
  std::string path;
};
std::string lora_adapters_body(const std::vector<AdapterView>& adapters);

struct UserView {
  std::string id;
  TextMap attributes;
  std::map<std::string, bool> consent;
  std::string created_at;
  std::string updated_at;
  std::vector<std::pair<std::string, double>> persona;  // most likely first
  std::optional<double> abstain;                        // none of them
  std::string evidence;                                 // JSON; empty: none
  std::string persona_changes;                          // JSON; empty: none
};
std::string user_body(const UserView& user);
// `next` continues the list when given as ?after=; empty at the end.
std::string users_body(const std::vector<UserView>& users, const std::string& next);

// The body of PUT /v1/users/{id}. An absent member leaves what is stored.
struct UserUpdate {
  std::optional<TextMap> attributes;
  std::map<std::string, bool> consent;
};
// Nested attributes become dotted names. Errors: 400 naming the member in `param`.
Outcome<UserUpdate> parse_user_update(std::string_view body);

struct FeedbackView {
  std::string kind;
  std::optional<double> value;
  std::string text;
  std::string at;
};

struct DecisionView {
  std::string id;
  std::string user;
  std::string conversation;
  std::string completion;
  std::string at;
  std::string persona;
  std::string adapter;
  int adapter_version = 0;  // 0: not a registered version
  std::string chosen;
  double probability = 1.0;
  std::string document;  // JSON
  std::vector<FeedbackView> feedback;
};
std::string decision_body(const DecisionView& decision);

struct PersonaView {
  std::string id;
  std::string name;
  std::string description;
  std::vector<std::string> needs;
  std::string priority;
  std::vector<std::string> knowledge;
  // Name, channel and hours of those who take over; empty if there are none.
  std::map<std::string, std::string> escalation;
  std::string tone;
  std::string format;
  std::string language;
  std::string length;
  double reading_level = 0.0;
  std::string adapter;
};
std::string personas_body(const std::vector<PersonaView>& personas, const std::string& version);

struct DocumentView {
  std::string id;
  std::string title;
  std::string text;
  std::string lang;
  std::vector<std::string> access;
  std::string updated_at;
};
std::string document_body(const DocumentView& document);

struct BadLineView {
  std::int64_t line = 0;
  std::string reason;
};

struct EventView {
  std::string id;
  std::string at;
  std::string kind;
  std::string item;
  TextMap categories;
  std::optional<double> number;
  std::string text;
};
// Newest first. `next` continues the list when given as ?before=; empty at the end.
std::string timeline_body(std::int64_t num_events, const std::vector<EventView>& events,
                          const std::string& next);

struct ImportView {
  std::int64_t added = 0;
  std::int64_t updated = 0;
  std::int64_t unchanged = 0;
  std::int64_t failed = 0;
  std::int64_t from_the_future = 0;    // events only
  std::vector<BadLineView> bad_lines;  // the first ones
};
std::string import_body(const std::string& kind, const ImportView& report);

}  // namespace kith::api
