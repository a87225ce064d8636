#include "kith/api/version_orders.h"

#include <limits>
#include <optional>

#include "kith/api/field_reader.h"
#include "kith/base/json.h"

namespace kith::api {
namespace {

constexpr std::size_t kMaxReasonBytes = 1000;
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxParents = 16;

Outcome<base::Json> parse_object(std::string_view body) {
  Result<base::Json> json = base::parse_json(body);
  if (json && json->is_object()) return *std::move(json);
  return bad_request("the body must be a JSON object", {}, "invalid_json");
}

int read_version(FieldReader& reader) {
  const auto version = reader.integer("version", 1, std::numeric_limits<int>::max());
  if (!version && !reader.has_failed()) reader.fail("version", "is required");
  return static_cast<int>(version.value_or(0));
}

std::string read_reason(FieldReader& reader) {
  return reader.string("reason", kMaxReasonBytes).value_or("");
}

std::vector<std::string> read_parents(FieldReader& reader) {
  std::vector<std::string> parents;
  const base::Json* list = reader.array("parents");
  if (list == nullptr) return parents;
  if (list->size() > kMaxParents) reader.fail("parents", "may have at most 16 items");
  for (const base::Json& item : *list) {
    if (!item.is_string() || !is_valid_id(item.get<std::string>())) {
      reader.fail("parents", "must be names of versions");
      return {};
    }
    parents.push_back(item.get<std::string>());
  }
  return parents;
}

// Nobody should believe that a misspelled member had an effect.
void refuse_unread(FieldReader& reader) {
  for (const std::string& name : reader.unread()) reader.fail(name, "is not known");
}

}  // namespace

Outcome<VersionOrder> parse_version_order(std::string_view body) {
  auto json = parse_object(body);
  if (!json) return std::move(json).error();
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  VersionOrder order;
  order.version = read_version(reader);
  order.reason = read_reason(reader);
  refuse_unread(reader);
  if (failure) return *std::move(failure);
  return order;
}

Outcome<std::string> parse_rollback(std::string_view body) {
  if (body.empty()) return std::string();
  auto json = parse_object(body);
  if (!json) return std::move(json).error();
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  std::string reason = read_reason(reader);
  refuse_unread(reader);
  if (failure) return *std::move(failure);
  return reason;
}

Outcome<TrialOrder> parse_trial_order(std::string_view body) {
  auto json = parse_object(body);
  if (!json) return std::move(json).error();
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  TrialOrder order;
  order.order.version = read_version(reader);
  order.order.reason = read_reason(reader);
  const auto as = reader.choice("as", {"canary", "shadow"});
  if (!as && !reader.has_failed()) reader.fail("as", "is required");
  order.is_canary = as.value_or("canary") == "canary";
  order.share = reader.number("share", 1e-6, 1.0).value_or(order.share);
  refuse_unread(reader);
  if (failure) return *std::move(failure);
  return order;
}

Outcome<GateResult> parse_gate_result(std::string_view body) {
  auto json = parse_object(body);
  if (!json) return std::move(json).error();
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  GateResult result;
  result.version = read_version(reader);
  const auto passed = reader.boolean("passed");
  if (!passed && !reader.has_failed()) reader.fail("passed", "is required");
  const base::Json* document = reader.object("document");
  if (document == nullptr && !reader.has_failed()) reader.fail("document", "is required");
  refuse_unread(reader);
  if (failure) return *std::move(failure);
  result.passed = *passed;
  result.document = base::dump_json(*document);
  return result;
}

Outcome<RegisterOrder> parse_register_order(std::string_view body) {
  auto json = parse_object(body);
  if (!json) return std::move(json).error();
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  RegisterOrder order;
  order.incoming = reader.string("incoming", kMaxNameBytes).value_or("");
  if (!order.incoming.empty()) {
    order.parents = read_parents(reader);
    order.reason = read_reason(reader);
  }
  refuse_unread(reader);
  if (failure) return *std::move(failure);
  return order;
}

}  // namespace kith::api
