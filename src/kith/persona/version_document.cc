#include "kith/persona/version_document.h"

#include "kith/base/json.h"

namespace kith::persona {
namespace {

using base::OrderedJson;

void put_text(OrderedJson& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

// JSON text of our own store; a damaged one is left out.
OrderedJson parsed(const std::string& text) {
  auto json = base::parse_ordered_json(text);
  return json && json->is_object() ? *std::move(json) : OrderedJson::object();
}

}  // namespace

OrderedJson to_json(const storage::AdapterVersionRow& row) {
  OrderedJson json{{"version", row.id.version},
                   {"adapter", row.id.adapter.str()},
                   {"status", std::string(storage::to_string(row.status))},
                   {"created_at", base::to_iso8601(row.created_at)}};
  put_text(json, "created_by", row.created_by);
  put_text(json, "reason", row.reason);
  if (!row.parents.empty()) json["parents"] = row.parents;
  put_text(json, "base_hash", row.base_hash);
  put_text(json, "data_hash", row.data_hash);
  put_text(json, "recipe_hash", row.recipe_hash);
  put_text(json, "content_hash", row.content_hash);
  put_text(json, "path", row.path);
  json["metrics"] = parsed(row.metrics);
  if (row.gate) {
    json["gate"] = parsed(row.gate->document);
    json["gate"]["passed"] = row.gate->passed;
    json["gate"]["at"] = base::to_iso8601(row.gate->at);
  }
  if (!row.flags.empty()) json["flags"] = row.flags;
  if (row.share > 0.0) json["share"] = row.share;
  if (!row.trial.empty()) json["trial"] = parsed(row.trial);
  return json;
}

OrderedJson to_json(const storage::VersionChange& change) {
  OrderedJson json{{"version", change.id.version}, {"adapter", change.id.adapter.str()}};
  if (change.from) json["from"] = std::string(storage::to_string(*change.from));
  json["to"] = std::string(storage::to_string(change.to));
  put_text(json, "by", change.by);
  put_text(json, "reason", change.reason);
  json["at"] = base::to_iso8601(change.at);
  return json;
}

OrderedJson versions_json(const std::string& persona, const AdapterId& adapter,
                          std::span<const storage::AdapterVersionRow> rows,
                          std::span<const storage::VersionChange> history) {
  OrderedJson json{{"persona", persona}, {"adapter", adapter.str()}};
  for (const auto& row : rows) {
    if (row.status == storage::VersionStatus::kServing) json["serving"] = row.id.version;
  }
  json["versions"] = OrderedJson::array();
  for (const auto& row : rows) json["versions"].push_back(to_json(row));
  json["history"] = OrderedJson::array();
  for (const auto& change : history) json["history"].push_back(to_json(change));
  return json;
}

}  // namespace kith::persona
