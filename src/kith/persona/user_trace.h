// What a user of a known persona wrote and did, in order of time: what assignment is fitted and
// measured on.
#pragma once

#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/persona/behaviour_model.h"
#include "kith/storage/user_store.h"

namespace kith::persona {

struct TraceStep {
  base::UnixMicros at = 0;
  std::string message;  // of the user
  // What came with it and after it.
  std::vector<BehaviourEvent> events;
};

struct UserTrace {
  UserId user;
  PersonaId persona;
  // Of the part that never trains.
  bool is_test = false;
  storage::Attributes attributes;
  std::vector<TraceStep> steps;
};

}  // namespace kith::persona
