// What is kept of an assignment.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "kith/base/json.h"
#include "kith/base/member_text.h"
#include "kith/persona/assignment.h"

namespace kith::persona {
namespace {

// 1: {schema, reasons, words}, words without a time. 2: {schema, reasons, state}.
constexpr int kStateSchema = 2;
constexpr double kGreatestCount = 1e6;

base::Json to_json(const std::vector<Evidence>& evidence) {
  base::Json list = base::Json::array();
  for (const Evidence& item : evidence) {
    list.push_back({{"persona", item.persona.str()},
                    {"source", item.source},
                    {"detail", item.detail},
                    {"weight", item.weight}});
  }
  return list;
}

base::Json to_json(const AssignmentState& state) {
  base::Json sums = base::Json::object();
  for (const auto& [persona, value] : state.words.log_odds) sums[persona.str()] = value;
  base::Json json{{"words",
                   {{"messages", state.words.num_messages},
                    {"log_odds", sums},
                    {"at", state.words.at},
                    {"seen", state.words.seen},
                    {"reasons", to_json(state.words.reasons)}}},
                  {"behaviour", {{"counts", state.behaviour.counts}, {"at", state.behaviour.at}}}};
  const EstablishedPersona& established = state.established;
  json["established"] = {{"persona", established.persona.str()},
                         {"since", established.since},
                         {"challenger", established.challenger.str()},
                         {"confirmations", established.num_confirmations}};
  return json;
}

std::string text_of(const base::Json& object, const char* key) {
  const auto text = base::read_string(object, key);
  return text && *text ? **text : std::string();
}

// 0 for what is no time.
base::UnixMicros time_of(const base::Json& object, const char* key) {
  const auto at = base::read_integer(object, key);
  return at && *at ? std::clamp<base::UnixMicros>(**at, 0, base::kLastMicros) : 0;
}

base::Json member_of(const base::Json& object, const char* key) {
  return object.is_object() ? object.value(key, base::Json()) : base::Json();
}

std::vector<Evidence> read_reasons(const base::Json& list) {
  std::vector<Evidence> reasons;
  if (!list.is_array()) return reasons;
  for (const base::Json& reason : list) {
    if (!reason.is_object()) continue;
    const std::string persona = text_of(reason, "persona");
    const std::string detail = text_of(reason, "detail");
    const auto weight = base::read_number(reason, "weight");
    if (persona.empty() || detail.empty() || !weight || !*weight) continue;
    reasons.push_back({PersonaId(persona), "words", detail, **weight});
  }
  return reasons;
}

// Empty if it is damaged.
WordState read_words(const base::Json& words) {
  const base::Json sums = member_of(words, "log_odds");
  if (!sums.is_object()) return {};
  WordState state;
  for (const auto& [persona, value] : sums.items()) {
    if (!value.is_number()) return {};
    state.log_odds[PersonaId(persona)] = value.get<double>();
  }
  const auto messages = base::read_integer(words, "messages");
  if (messages && *messages) state.num_messages = std::max<std::int64_t>(0, **messages);
  state.at = time_of(words, "at");
  for (const base::Json& hash : member_of(words, "seen")) {
    if (hash.is_string()) state.seen.push_back(hash.get<std::string>());
  }
  state.reasons = read_reasons(member_of(words, "reasons"));
  return state;
}

BehaviourState read_behaviour(const base::Json& behaviour) {
  BehaviourState state;
  const base::Json counts = member_of(behaviour, "counts");
  if (!counts.is_object()) return state;
  for (const auto& [name, count] : counts.items()) {
    if (!count.is_number()) continue;
    const auto value = count.get<double>();
    if (value > 0 && value < kGreatestCount) state.counts[name] = value;
  }
  state.at = time_of(behaviour, "at");
  return state;
}

EstablishedPersona read_established(const base::Json& json) {
  if (!json.is_object()) return {};
  EstablishedPersona established{.persona = PersonaId(text_of(json, "persona")),
                                 .since = time_of(json, "since"),
                                 .challenger = PersonaId(text_of(json, "challenger")),
                                 .num_confirmations = 0};
  const auto confirmations = base::read_integer(json, "confirmations");
  if (confirmations && *confirmations) {
    established.num_confirmations =
        static_cast<int>(std::clamp<std::int64_t>(**confirmations, 0, 1000));
  }
  return established;
}

// Rows of schema 1 say who the user was by their weights alone.
EstablishedPersona established_by(const storage::PersonaAssignment& row, double threshold) {
  if (row.weights.empty() || row.weights.front().probability < threshold) return {};
  if (row.weights.front().persona.str() == kNoPersona) return {};
  return {.persona = row.weights.front().persona,
          .since = std::clamp<base::UnixMicros>(row.at, 0, base::kLastMicros),
          .challenger = {},
          .num_confirmations = 0};
}

}  // namespace

storage::PersonaAssignment Assigner::to_row(const Assignment& assignment,
                                            const AssignmentState& state,
                                            base::UnixMicros at) const {
  storage::PersonaAssignment row;
  row.weights = assignment.weights;
  const auto place = std::find_if(row.weights.begin(), row.weights.end(), [&](const auto& weight) {
    return weight.probability < assignment.abstain;
  });
  row.weights.insert(place, {PersonaId(kNoPersona), assignment.abstain});
  row.model_version = version_;
  row.at = at;
  row.evidence = base::dump_json(base::Json{{"schema", kStateSchema},
                                            {"reasons", to_json(assignment.evidence)},
                                            {"state", to_json(state)}});
  return row;
}

AssignmentState Assigner::from_row(const storage::PersonaAssignment& row) const {
  AssignmentState state;
  // Most of a row is the reasons, which nobody asks for here.
  const auto text = base::find_member_text(row.evidence, "state");
  const auto parsed = text ? base::parse_json(*text) : Result<base::Json>(base::Json());
  if (parsed && parsed->is_object()) {
    if (row.model_version == version_) state.words = read_words(member_of(*parsed, "words"));
    state.behaviour = read_behaviour(member_of(*parsed, "behaviour"));
    state.established = read_established(member_of(*parsed, "established"));
  } else {
    state.established = established_by(row, options_.threshold);
  }
  const bool is_known = catalogue_.find_persona(state.established.persona) != nullptr;
  if (!is_known) state.established = {};
  return state;
}

}  // namespace kith::persona
