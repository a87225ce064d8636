// What a user does as evidence for a persona: articles cited or opened, thumbs, hours, devices.
//
// Method: for each kind of event a multinomial over its items with a Dirichlet prior around the
// average persona (as for words, assignment.h), learned from events of users whose persona is
// known. One event moves the log-odds by at most kMaxEventLogOdds; what happens again counts less
// and less (the square root of its count), because habits are not independent observations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/persona/assignment_state.h"

namespace kith::persona {

// Kinds of events.
inline constexpr const char* kBehaviourCited = "cited";        // item: the document quoted first
inline constexpr const char* kBehaviourOpened = "opened";      // item: the document
inline constexpr const char* kBehaviourHour = "hour";          // item: see hour_item()
inline constexpr const char* kBehaviourDevice = "device";      // item: as the client names it
inline constexpr const char* kBehaviourFeedback = "feedback";  // item: "thumb up", "rating 4", ...

struct BehaviourEvent {
  std::string kind;
  std::string item;

  // "cited=kb-012".
  std::string name() const { return kind + "=" + item; }
};

// "weekday 09-12": three hours of UTC, and whether it is a weekday.
std::string hour_item(base::UnixMicros at);

// How often users of a persona did what: persona to event name to count, each >= 0.
using BehaviourCounts = std::map<PersonaId, std::map<std::string, double>>;

struct BehaviourOptions {
  // Mass of the Dirichlet prior, in events of a kind. > 0.
  double prior_events = 20.0;
  // Names of events that are kept of a user at most; the rarest goes first.
  std::size_t max_names = 64;
  // What earlier events of a kind keep of their count with each new one. In (0, 1].
  double event_decay = 0.97;
  // After so many days what was done counts half; 0: for ever. >= 0.
  double half_life_days = 90.0;
};

inline constexpr double kMaxEventLogOdds = 1.0;

// Immutable; thread-safe.
class BehaviourModel {
 public:
  BehaviourModel() = default;
  // Counts of personas that are not listed are ignored.
  BehaviourModel(std::span<const PersonaId> personas, const BehaviourCounts& counts,
                 const BehaviourOptions& options);

  bool empty() const { return log_odds_.empty(); }
  // Null if the event was never seen; else [num_personas], in nats, mean zero, each within
  // kMaxEventLogOdds of zero.
  const std::vector<double>* find(const std::string& name) const;

 private:
  std::map<std::string, std::vector<double>> log_odds_;
};

// Takes one event into account. An event whose item is unnamed, too long or says something that is
// on the deny list is left out. O(max_names).
void observe(const BehaviourEvent& event, base::UnixMicros at, const BehaviourOptions& options,
             BehaviourState& state);

}  // namespace kith::persona
