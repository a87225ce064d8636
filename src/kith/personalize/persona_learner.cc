#include "kith/personalize/persona_learner.h"

#include <cmath>

#include "kith/personalize/snapshot.h"

namespace kith::personalize {
namespace {

constexpr std::size_t kPage = 500;

}  // namespace

std::optional<persona::BehaviourEvent> behaviour_of(const storage::FeedbackRow& feedback) {
  using persona::BehaviourEvent;
  if (feedback.kind == "open" || feedback.kind == "click") {
    if (feedback.text.empty()) return std::nullopt;
    return BehaviourEvent{persona::kBehaviourOpened, feedback.text};
  }
  if (!feedback.value) return std::nullopt;
  if (feedback.kind == "thumb") {
    return BehaviourEvent{persona::kBehaviourFeedback,
                          *feedback.value > 0 ? "thumb up" : "thumb down"};
  }
  if (feedback.kind == "rating") {
    return BehaviourEvent{persona::kBehaviourFeedback,
                          "rating " + std::to_string(std::lround(*feedback.value))};
  }
  return BehaviourEvent{persona::kBehaviourFeedback, feedback.kind};
}

Result<bool> PersonaLearner::may_learn(const storage::Scope& scope) {
  KITH_ASSIGN_OR_RETURN(const auto consents, stores_.consents().list(scope));
  return storage::is_allowed(consents, storage::kConsentPersonalize) &&
         storage::is_allowed(consents, storage::kConsentLearn);
}

Result<persona::AssignmentState> PersonaLearner::read_state(const storage::Scope& scope,
                                                            const storage::PersonaAssignment& row) {
  persona::AssignmentState state = assigner_->from_row(row);
  if (row.model_version == assigner_->version()) return state;
  KITH_ASSIGN_OR_RETURN(const auto messages,
                        read_messages(stores_.conversations(), scope, kRelearnedTurns));
  for (const PastMessage& message : messages) assigner_->observe(message.text, message.at, state);
  return state;
}

Result<std::optional<PersonaLearner::Outcome>> PersonaLearner::look(
    const storage::Scope& scope, std::span<const persona::BehaviourEvent> events) {
  std::optional<Outcome> nothing;
  KITH_ASSIGN_OR_RETURN(const auto row, stores_.personas().find(scope));
  if (!row) return nothing;
  KITH_ASSIGN_OR_RETURN(const bool is_allowed, may_learn(scope));
  KITH_ASSIGN_OR_RETURN(const auto user, stores_.users().find(scope));
  if (!is_allowed || !user) return nothing;
  KITH_ASSIGN_OR_RETURN(persona::AssignmentState state, read_state(scope, *row));
  const base::UnixMicros now = clock_.now();
  for (const auto& event : events) assigner_->observe(event, now, state);
  const persona::UserFacts facts{
      .attributes = user->attributes, .recorded_at = user->recorded_at, .context = {}, .now = now};
  const persona::Assignment assignment = assigner_->assign(facts, state);
  if (assignment.weights.empty()) return nothing;
  Outcome outcome;
  outcome.change = assigner_->note_drift(assignment, facts, !events.empty(), state);
  outcome.row = assigner_->to_row(assignment, state, now);
  return std::optional<Outcome>(std::move(outcome));
}

// The event first: a failure between the two repeats it under the same id.
Status PersonaLearner::write(const storage::Scope& scope, const Outcome& outcome) {
  if (outcome.change) {
    KITH_ASSIGN_OR_RETURN([[maybe_unused]] const bool is_new,
                          stores_.events().add(scope, persona::to_event(*outcome.change)));
  }
  return stores_.personas().put(scope, outcome.row);
}

Status PersonaLearner::learn(const storage::Scope& scope,
                             std::span<const persona::BehaviourEvent> events) {
  if (assigner_ == nullptr) return {};
  const auto visit = gate_ == nullptr ? nullptr : gate_->enter();
  KITH_ASSIGN_OR_RETURN(const auto outcome, look(scope, events));
  if (!outcome) return {};
  if (gate_ == nullptr) return write(scope, *outcome);
  return gate_->write(*visit, scope, [&] { return write(scope, *outcome); });
}

Status PersonaLearner::look_again(const storage::TenantScope& scope, base::UnixMicros since) {
  if (assigner_ == nullptr) return {};
  for (UserId after;;) {
    KITH_ASSIGN_OR_RETURN(const auto users, stores_.users().list(scope, after, kPage));
    for (const storage::UserRow& user : users) {
      if (user.updated_at < since) continue;
      KITH_RETURN_IF_ERROR(learn({scope.tenant, user.id}, {}));
    }
    if (users.size() < kPage) return {};
    after = users.back().id;
  }
}

}  // namespace kith::personalize
