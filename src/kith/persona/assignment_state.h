// What an assignment is made from and what is kept of a user between two of them: sums and counts,
// never texts. docs/formats/personas.md says what each part is for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

// The outcome "none of these" among the personas of a posterior, as it is stored and shown. No
// persona may have this id.
inline constexpr const char* kNoPersona = "none";

// One reason for or against a persona.
struct Evidence {
  PersonaId persona;   // kNoPersona: for or against "none of these"
  std::string source;  // "attribute", "context", "words" or "behaviour"
  // "grade=director", the word that counted, "cited=kb-012"; never a whole message
  std::string detail;
  // Change of the log-odds against the average persona; positive speaks for it.
  double weight = 0.0;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

// What the user's messages have said so far.
struct WordState {
  // Per persona of the catalogue, in nats, mean zero; and of kNoPersona.
  std::map<PersonaId, double> log_odds;
  std::int64_t num_messages = 0;
  // When the last message was learned; what is kept has faded up to then.
  base::UnixMicros at = 0;
  // Words that counted most: word to weight for its persona.
  std::vector<Evidence> reasons;
  // Hashes of the messages learned last, newest last: an answer that is asked for anew, or a
  // history that is resent in part, is not learned from twice.
  std::vector<std::string> seen;

  friend bool operator==(const WordState&, const WordState&) = default;
};

// What the user has done so far. Counts do not depend on what is known of the personas, so they
// outlive a change of the catalogue.
struct BehaviourState {
  // Name of an event (BehaviourEvent::name()) to its faded count, > 0.
  std::map<std::string, double> counts;
  base::UnixMicros at = 0;

  friend bool operator==(const BehaviourState&, const BehaviourState&) = default;
};

// Who the user has been for a while, and who is about to take that place.
struct EstablishedPersona {
  PersonaId persona;  // empty: nobody yet
  base::UnixMicros since = 0;
  PersonaId challenger;
  // Looks in a row that found the challenger likely enough.
  int num_confirmations = 0;

  friend bool operator==(const EstablishedPersona&, const EstablishedPersona&) = default;
};

struct AssignmentState {
  WordState words;
  BehaviourState behaviour;
  EstablishedPersona established;

  friend bool operator==(const AssignmentState&, const AssignmentState&) = default;
};

// What is known of a user and the situation at a time.
struct UserFacts {
  storage::Attributes attributes;
  // Of attributes; one that is absent counts as recorded now.
  storage::AttributeTimes recorded_at = {};
  // What the request says about the situation (device, place); replaces attributes of the same
  // name.
  storage::Attributes context = {};
  base::UnixMicros now = 0;
};

struct Assignment {
  // Most likely first, without "none of these"; sums to 1 - abstain. Empty if the catalogue is.
  std::vector<storage::PersonaWeight> weights;
  // Probability that the user is none of the personas, or that too little is known: near 1 for a
  // stranger. 1 if the catalogue is empty.
  double abstain = 1.0;
  // Strongest first.
  std::vector<Evidence> evidence;
  // The most likely persona if its probability reaches the threshold, else empty.
  PersonaId persona;
};

// The weights scaled to sum 1: who the user is, given that it is one of the personas.
std::vector<storage::PersonaWeight> given_a_persona(std::vector<storage::PersonaWeight> weights);

}  // namespace kith::persona
