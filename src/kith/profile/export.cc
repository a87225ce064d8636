#include "kith/profile/export.h"

#include <limits>

#include "kith/base/json.h"

namespace kith::profile {
namespace {

using base::OrderedJson;
using base::to_iso8601;
using storage::Scope;
using storage::StoreSet;

constexpr int kSchema = 1;
constexpr std::size_t kAll = std::numeric_limits<std::int64_t>::max();

void add_if(OrderedJson& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}

// A stored document as JSON, or as text should it not be JSON.
OrderedJson document_of(const std::string& text) {
  auto parsed = base::parse_ordered_json(text);
  return parsed ? *std::move(parsed) : OrderedJson(text);
}

OrderedJson consent_of(const std::vector<storage::ConsentRow>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const auto& row : rows) {
    list.push_back(
        {{"purpose", row.purpose}, {"granted", row.granted}, {"at", to_iso8601(row.at)}});
  }
  return list;
}

OrderedJson persona_of(const storage::PersonaAssignment& assignment) {
  OrderedJson weights = OrderedJson::object();
  for (const auto& weight : assignment.weights) {
    weights[weight.persona.str()] = weight.probability;
  }
  return {{"probabilities", std::move(weights)},
          {"evidence", document_of(assignment.evidence)},
          {"model_version", assignment.model_version},
          {"at", to_iso8601(assignment.at)}};
}

OrderedJson changes_of(const std::vector<storage::PersonaChange>& changes) {
  OrderedJson list = OrderedJson::array();
  for (const auto& change : changes) {
    OrderedJson item{{"to", change.to.str()}, {"at", to_iso8601(change.at)}};
    add_if(item, "from", change.from.str());
    list.push_back(std::move(item));
  }
  return list;
}

OrderedJson turn_of(const storage::TurnRow& row) {
  OrderedJson turn{{"role", row.role}, {"text", row.text}, {"at", to_iso8601(row.at)}};
  if (row.rating) turn["rating"] = *row.rating;
  add_if(turn, "decision", row.decision.str());
  add_if(turn, "completion", row.completion);
  return turn;
}

Result<OrderedJson> conversations_of(StoreSet& stores, const Scope& scope) {
  OrderedJson list = OrderedJson::array();
  KITH_ASSIGN_OR_RETURN(const auto rows, stores.conversations().list(scope, kAll));
  for (const auto& row : rows) {
    OrderedJson conversation{{"id", row.id.str()},
                             {"created_at", to_iso8601(row.created_at)},
                             {"updated_at", to_iso8601(row.updated_at)}};
    if (!row.forked_from.empty()) {
      conversation["forked_from"] = row.forked_from.str();
      conversation["fork_turns"] = row.fork_turns;
    }
    conversation["turns"] = OrderedJson::array();
    KITH_ASSIGN_OR_RETURN(const auto turns, stores.conversations().turns(scope, row.id));
    for (const auto& turn : turns) conversation["turns"].push_back(turn_of(turn));
    list.push_back(std::move(conversation));
  }
  return list;
}

OrderedJson decisions_of(const std::vector<storage::DecisionRow>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const auto& row : rows) {
    OrderedJson decision{{"id", row.id.str()}, {"at", to_iso8601(row.at)}};
    add_if(decision, "conversation", row.conversation.str());
    add_if(decision, "completion", row.completion);
    add_if(decision, "persona", row.persona.str());
    add_if(decision, "adapter", row.adapter.str());
    if (row.adapter_version > 0) decision["adapter_version"] = row.adapter_version;
    add_if(decision, "chosen", row.chosen);
    decision["probability"] = row.probability;
    decision["document"] = document_of(row.document);
    list.push_back(std::move(decision));
  }
  return list;
}

OrderedJson feedback_of(const std::vector<storage::FeedbackRow>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const auto& row : rows) {
    OrderedJson feedback{{"key", row.key}, {"decision", row.decision.str()}, {"kind", row.kind}};
    if (row.value) feedback["value"] = *row.value;
    add_if(feedback, "text", row.text);
    feedback["at"] = to_iso8601(row.at);
    feedback["received_at"] = to_iso8601(row.received_at);
    list.push_back(std::move(feedback));
  }
  return list;
}

OrderedJson events_of(const std::vector<storage::EventRow>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const auto& row : rows) {
    list.push_back({{"id", row.id},
                    {"kind", row.kind},
                    {"at", to_iso8601(row.at)},
                    {"document", document_of(row.document)}});
  }
  return list;
}

OrderedJson timeline_of(const std::vector<storage::PlacedEvent>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const auto& [position, row] : rows) {
    OrderedJson event{{"id", row.id}, {"at", to_iso8601(row.at)}, {"kind", row.kind}};
    add_if(event, "item", row.item);
    if (!row.categories.empty()) event["categories"] = row.categories;
    if (row.number) event["number"] = *row.number;
    add_if(event, "text", row.text);
    event["received_at"] = to_iso8601(row.received_at);
    list.push_back(std::move(event));
  }
  return list;
}

// What it is and what it was made of; its numbers say nothing to a person.
OrderedJson embeddings_of(const std::vector<storage::EmbeddingRow>& rows) {
  OrderedJson list = OrderedJson::array();
  for (const auto& row : rows) {
    list.push_back({{"encoder_version", row.version},
                    {"made_at", to_iso8601(row.made_at)},
                    {"num_events", row.num_events},
                    {"last_event_at", to_iso8601(row.head.last.at)},
                    {"dimensions", row.vector.size()},
                    {"num_latents", row.num_latents}});
  }
  return list;
}

Result<OrderedJson> keys_of(StoreSet& stores, const Scope& scope) {
  OrderedJson list = OrderedJson::array();
  KITH_ASSIGN_OR_RETURN(const auto rows, stores.keys().list(scope.tenant_scope()));
  for (const auto& row : rows) {
    if (row.user != scope.user) continue;
    OrderedJson key{{"id", row.id}, {"created_at", to_iso8601(row.created_at)}};
    add_if(key, "label", row.label);
    if (row.revoked_at) key["revoked_at"] = to_iso8601(*row.revoked_at);
    list.push_back(std::move(key));
  }
  return list;
}

}  // namespace

Result<std::string> export_user(StoreSet& stores, const Scope& scope, const base::Clock& clock) {
  KITH_ASSIGN_OR_RETURN(const auto user, stores.users().find(scope));
  if (!user) return Error{ErrorCode::kNotFound, "nothing is kept about this user"};
  OrderedJson out{{"schema", kSchema},
                  {"exported_at", to_iso8601(clock.now())},
                  {"tenant", scope.tenant.str()},
                  {"user", scope.user.str()},
                  {"created_at", to_iso8601(user->created_at)},
                  {"updated_at", to_iso8601(user->updated_at)},
                  {"attributes", user->attributes}};
  out["attributes_recorded_at"] = OrderedJson::object();
  for (const auto& [name, at] : user->recorded_at) {
    out["attributes_recorded_at"][name] = to_iso8601(at);
  }
  KITH_ASSIGN_OR_RETURN(const auto consent, stores.consents().list(scope));
  out["consent"] = consent_of(consent);
  KITH_ASSIGN_OR_RETURN(const auto persona, stores.personas().find(scope));
  if (persona) out["persona"] = persona_of(*persona);
  KITH_ASSIGN_OR_RETURN(const auto changes, stores.personas().changes(scope));
  if (!changes.empty()) out["persona_changes"] = changes_of(changes);
  KITH_ASSIGN_OR_RETURN(out["conversations"], conversations_of(stores, scope));
  KITH_ASSIGN_OR_RETURN(const auto decisions, stores.decisions().list(scope, kAll));
  out["decisions"] = decisions_of(decisions);
  KITH_ASSIGN_OR_RETURN(const auto feedback, stores.feedback().list(scope, kAll));
  out["feedback"] = feedback_of(feedback);
  KITH_ASSIGN_OR_RETURN(const auto events, stores.events().list(scope, {}, kAll));
  out["events"] = events_of(events);
  KITH_ASSIGN_OR_RETURN(const auto timeline, stores.timelines().newest(scope, {}, kAll));
  if (!timeline.empty()) out["timeline"] = timeline_of(timeline);
  KITH_ASSIGN_OR_RETURN(const auto embeddings, stores.embeddings().list(scope));
  if (!embeddings.empty()) out["embeddings"] = embeddings_of(embeddings);
  KITH_ASSIGN_OR_RETURN(out["api_keys"], keys_of(stores, scope));
  KITH_ASSIGN_OR_RETURN(const auto contributions, stores.adapter_versions().contributions(scope));
  out["trained_into"] = OrderedJson::array();
  for (const auto& id : contributions) out["trained_into"].push_back(storage::to_string(id));
  // "replace": bytes that are not UTF-8 must not keep users from their data.
  return out.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace kith::profile
