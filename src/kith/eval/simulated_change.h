// A user who becomes somebody else, put together from the messages of two: how soon does assignment
// notice, and does it notice what did not happen?
#pragma once

#include <cstddef>
#include <span>

#include "kith/eval/figures.h"
#include "kith/persona/assignment.h"
#include "kith/persona/user_trace.h"

namespace kith::eval {

struct SimulatedChange {
  PersonaId from;
  PersonaId to;
  // Messages after the change, at most.
  std::size_t max_messages = 40;
};

// Adds drift_noticed, drift_messages and false_drift (assignment_suite.h) to the report. A user of
// `from` writes what he wrote; after three months he writes, one message in three days, what users
// of `to` wrote, in an order drawn by seed, and the directory goes on saying what it said. Those
// who do not change go on with the messages of others of their persona. Without users of both
// personas only false_drift is added.
void add_drift(const persona::Assigner& assigner, std::span<const persona::UserTrace> users,
               const SimulatedChange& change, Report& report);

}  // namespace kith::eval
