// Does assignment know who a user is, how sure it may be, when to say nothing, and when somebody
// has changed? On users who teach nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/figures.h"
#include "kith/persona/assignment_training.h"
#include "kith/persona/catalogue.h"

namespace kith::eval {

struct AssignmentSuiteOptions {
  persona::AssignmentTrainingOptions training;
  // Views of each test user, parts of the evidence, beside one as a stranger. >= 2.
  int num_views = 9;
  // Who the user was and who the user becomes, in the simulated change; of personas of the
  // catalogue, else no change is simulated.
  PersonaId drifts_from{"new_hire"};
  PersonaId drifts_to{"knowledge_worker"};
  // After the change at most so many messages are simulated.
  std::size_t max_messages = 40;
};

// Everything is fitted on the traces that are not test; figures are of those that are, with
// intervals over users. SOURCE is attributes, words, behaviour or all.
//   accuracy_SOURCE, macro_f1_SOURCE  of the likeliest persona (baselines: majority; attributes and
//                        all also rule: the persona that lists most of the user's attributes)
//   assigned, assigned_right  share of users who are given a persona with all evidence, and of
//   those
//                        the share who are given the right one
//   ece                  calibration error over num_views parts of the evidence of each user and
//   one
//                        view of the same user as a stranger
//   ece_full             the same with all evidence and no strangers
//   stranger_abstains    share of users who are given no persona once their own has left the
//                        catalogue, and stranger_auroc: how well the abstain mass tells them from
//                        users whose persona is there
//   writer_abstains      share of writers of five `strange_texts` each, nothing else known, who are
//                        given no persona
//   nobody_abstain       abstain mass where nothing is known
//   drift_noticed        share of the users of drifts_from who are told in an event, after they
//   have
//                        become drifts_to and the directory has not; drift_messages: the median
//                        number of messages until then
//   false_drift          share of users who stay who they are, yet of whom an event tells
// The baseline `unfitted` of all but the first is the same with the weights as they are without a
// model. Errors: those of fit_assignment(); kNotFound without test users.
Result<Report> evaluate_assignment(const persona::PersonaCatalogue& catalogue,
                                   std::span<const persona::UserTrace> traces,
                                   std::span<const std::string> strange_texts,
                                   const AssignmentSuiteOptions& options = {});

}  // namespace kith::eval
