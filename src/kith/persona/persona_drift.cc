#include "kith/persona/persona_drift.h"

#include <algorithm>
#include <utility>

#include "kith/base/json.h"
#include "kith/storage/digest.h"

namespace kith::persona {
namespace {

constexpr int kSchema = 1;
constexpr std::size_t kMaxReasons = 6;

double probability_of(const Assignment& assignment, const PersonaId& persona) {
  for (const auto& weight : assignment.weights) {
    if (weight.persona == persona) return weight.probability;
  }
  return 0.0;
}

std::vector<Evidence> reasons_for(const PersonaId& persona, const Assignment& assignment) {
  std::vector<Evidence> reasons;
  for (const Evidence& reason : assignment.evidence) {
    const bool speaks_for = reason.persona == persona && reason.weight > 0;
    if (speaks_for && reasons.size() < kMaxReasons) reasons.push_back(reason);
  }
  return reasons;
}

// Whether the challenger has been confirmed often enough to take the place.
bool confirm(const DriftLook& look, const DriftOptions& options, EstablishedPersona& established) {
  const PersonaId& challenger = look.assignment.persona;
  const bool is_settled =
      look.by_attributes == challenger &&
      (established.persona.empty() || look.attributes_changed_at > established.since);
  if (is_settled) return true;
  if (!look.has_news) return false;
  if (established.challenger != challenger) {
    established.challenger = challenger;
    established.num_confirmations = 0;
  }
  return ++established.num_confirmations >= options.min_confirmations;
}

void forget_challenger(EstablishedPersona& established) {
  established.challenger = PersonaId();
  established.num_confirmations = 0;
}

}  // namespace

std::optional<PersonaChange> note_look(const DriftLook& look, const DriftOptions& options,
                                       EstablishedPersona& established) {
  const Assignment& assignment = look.assignment;
  const PersonaId& challenger = assignment.persona;
  const double lead =
      probability_of(assignment, challenger) - probability_of(assignment, established.persona);
  const bool is_challenged = !challenger.empty() && challenger != established.persona &&
                             (established.persona.empty() || lead >= options.margin);
  if (!is_challenged) {
    // A look that saw nothing new neither confirms nor refutes.
    if (look.has_news) forget_challenger(established);
    return std::nullopt;
  }
  if (!confirm(look, options, established)) return std::nullopt;
  PersonaChange change{.from = established.persona,
                       .to = challenger,
                       .since = established.since,
                       .at = look.now,
                       .weights = assignment.weights,
                       .abstain = assignment.abstain,
                       .reasons = reasons_for(challenger, assignment)};
  established = {
      .persona = challenger, .since = look.now, .challenger = {}, .num_confirmations = 0};
  if (change.from.empty()) return std::nullopt;
  return change;
}

storage::EventRow to_event(const PersonaChange& change) {
  base::Json probabilities = base::Json::object();
  for (const auto& weight : change.weights) {
    probabilities[weight.persona.str()] = weight.probability;
  }
  probabilities[kNoPersona] = change.abstain;
  base::Json reasons = base::Json::array();
  for (const Evidence& reason : change.reasons) {
    reasons.push_back(
        {{"source", reason.source}, {"detail", reason.detail}, {"weight", reason.weight}});
  }
  const base::Json document{{"schema", kSchema},
                            {"from", change.from.str()},
                            {"to", change.to.str()},
                            {"since", base::to_iso8601(change.since)},
                            {"probabilities", probabilities},
                            {"reasons", reasons}};
  return {.id = storage::digest({storage::kEventPersonaChanged, change.from.str(), change.to.str(),
                                 std::to_string(change.since)})
                    .substr(0, 32),
          .kind = storage::kEventPersonaChanged,
          .document = base::dump_json(document),
          .at = change.at};
}

}  // namespace kith::persona
