// Fits what an Assigner cannot know by itself: how far each source can be believed, and what the
// users of each persona do.
//
// Weights are fitted on users that taught the sources nothing: users are dealt into folds, and each
// fold is scored by sources that learned from the others. Every user is shown several times, each
// time with a part of the evidence (some attributes, the first messages), as a user is when he is
// not known for long. Strangers are users scored without their own persona, whose outcome is "none
// of these". docs/adr/0021-assignment-posterior.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/base/rng.h"
#include "kith/persona/assignment.h"
#include "kith/persona/user_trace.h"

namespace kith::persona {

struct AssignmentTrainingOptions {
  int num_folds = 5;
  // Views of each user: the first with all evidence, the others with parts of it.
  int num_views = 8;
  // Share of strangers among the examples, by weight. In (0, 1).
  double stranger_share = 0.1;
  // An event counts only if at least so many users have done it.
  int min_users_per_event = 3;
  std::uint64_t seed = 1;
};

// A part of what is known of a user.
struct TraceView {
  storage::Attributes attributes;
  std::size_t num_steps = 0;
  bool has_behaviour = true;
};

// The first of `count` views has everything; of the others each leaves out attributes with a chance
// that is drawn anew, and steps from the end. The same seed draws the same views.
std::vector<TraceView> draw_views(const UserTrace& trace, int count, base::Rng& rng);

// The facts and the state of a user of whom this part is known, at the time of its last step.
struct ViewedUser {
  UserFacts facts;
  AssignmentState state;
};
ViewedUser view_user(const UserTrace& trace, const TraceView& view, const Assigner& assigner);

// What the traces' users wrote, and what they did.
std::vector<TrainingText> texts_of(std::span<const UserTrace> traces);
BehaviourCounts behaviour_of(std::span<const UserTrace> traces, int min_users_per_event);

// Fits weights and counts for an assigner of this catalogue and this Assigner::data_hash(). Traces
// of test users, of personas that the catalogue lacks and of users without any step or attribute
// are left out.
//   figures of the model: users, examples, loss and loss_before, ece and ece_before: of the held
//   out folds with the fitted weights and the default ones
// Errors: kInvalidArgument if fewer than two users a fold are left.
Result<AssignmentModel> fit_assignment(const PersonaCatalogue& catalogue,
                                       const std::string& data_hash,
                                       std::span<const UserTrace> traces,
                                       const AssignmentTrainingOptions& options = {});

}  // namespace kith::persona
