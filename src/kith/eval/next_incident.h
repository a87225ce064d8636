// What a caller's next incident is about, and who will get it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/encoder_training.h"
#include "kith/eval/incident_data.h"
#include "kith/eval/rank_measures.h"
#include "kith/timeline/schema.h"

namespace kith::eval {

// Values that count as found.
inline constexpr std::size_t kTopValues = 3;
// What is asked of an incident.
inline constexpr const char* kIncidentTargets[] = {"category", "group"};

// The log, parted by time: the last fifth is the test.
struct IncidentSplit {
  std::vector<Incident> incidents;  // in order of time
  std::size_t first_test = 0;
};

IncidentSplit split_incidents(std::vector<Incident> incidents);

// Two events an incident: the call (who takes it, how, from where, when), then what was filled in.
// So what follows the call is asked with the call known.
timeline::TimelineSchema incident_schema();

// Of the training incidents, by caller.
Timelines training_timelines(const IncidentSplit& split);

// The cases of one target: test incidents that have it, of callers with incidents before.
struct IncidentCases {
  std::vector<std::size_t> callers;  // [cases]: for intervals
  std::map<std::string, Ranks> ranks;
};

// popularity, own_history (with popularity behind), repeat_last, markov (what follows the caller's
// last value) and opener (what comes of who takes the call), both with the caller's own history
// mixed in. Counted on training incidents; the caller's own history goes up to the incident. The
// shares of the mixtures are chosen on the last fifth of the training incidents.
IncidentCases count_incidents(const IncidentSplit& split, const std::string& target);

struct IncidentRanks {
  // By target, the cases in the order of count_incidents().
  std::map<std::string, Ranks> own;
  // With the history of another caller, the call being the own.
  std::map<std::string, Ranks> shuffled_user;
};

// Errors: those of the encoder.
Result<IncidentRanks> rank_incidents(const IncidentSplit& split, timeline::EventEncoder& encoder);

}  // namespace kith::eval
