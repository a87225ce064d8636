// When has a user become somebody else?
//
// A posterior moves with every message; who the user is, for those who are told of it, must not. So
// a persona is established, and stays so until another one was likely enough, and clearly likelier,
// for several looks in a row; each look must have seen something new. Attributes that have changed
// since the persona was established (a promotion in the directory) settle it at once, as they are
// not noisy as words are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/persona/assignment_state.h"
#include "kith/storage/event_store.h"

namespace kith::persona {

struct DriftOptions {
  // A challenger must be likelier than the established persona by this. In (0, 1).
  double margin = 0.2;
  // Looks in a row that must find it so. >= 1.
  int min_confirmations = 3;
};

// One look at who the user is.
struct DriftLook {
  // Of the lasting facts, without the context of one request.
  const Assignment& assignment;
  // By the attributes alone, and when the last of them changed.
  PersonaId by_attributes;
  base::UnixMicros attributes_changed_at = 0;
  // Something was observed since the look before.
  bool has_news = false;
  base::UnixMicros now = 0;
};

struct PersonaChange {
  PersonaId from;
  PersonaId to;
  // When `from` was established, and when `to` took its place.
  base::UnixMicros since = 0;
  base::UnixMicros at = 0;
  // The posterior at the change.
  std::vector<storage::PersonaWeight> weights;
  double abstain = 0.0;
  // The strongest for `to`, strongest first.
  std::vector<Evidence> reasons;
};

// Takes a look into account: establishes the first persona without a word, later ones with the
// change.
std::optional<PersonaChange> note_look(const DriftLook& look, const DriftOptions& options,
                                       EstablishedPersona& established);

// The event that keeps a change; the same change has the same id.
storage::EventRow to_event(const PersonaChange& change);

}  // namespace kith::persona
