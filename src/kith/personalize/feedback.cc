#include "kith/personalize/feedback.h"

#include <cmath>

#include "kith/base/log.h"
#include "kith/personalize/snapshot.h"
#include "kith/storage/digest.h"

namespace kith::personalize {
namespace {

constexpr std::size_t kMaxSignals = 64;
constexpr std::size_t kMaxTextBytes = std::size_t{16} * 1024;

Error invalid(const std::string& message) { return Error{ErrorCode::kInvalidArgument, message}; }

Status check_signal(const Signal& signal) {
  if (signal.kind.empty() || signal.kind.size() > 64) {
    return invalid("signals[].kind must have between 1 and 64 bytes");
  }
  if (signal.value.has_value() == !signal.text.empty()) {
    return invalid("signals[] needs one of value and text: " + signal.kind);
  }
  if (signal.text.size() > kMaxTextBytes) return invalid("signals[].text is too long");
  if (!signal.value) return {};
  const double value = *signal.value;
  if (!std::isfinite(value)) return invalid("signals[].value must be finite");
  if (signal.kind == "thumb" && value != 1.0 && value != -1.0) {
    return invalid("the value of a thumb must be -1 or 1");
  }
  if (signal.kind == "rating" && (value < 1.0 || value > 5.0)) {
    return invalid("the value of a rating must be in [1, 5]");
  }
  return {};
}

Status check_request(const FeedbackRequest& request) {
  KITH_RETURN_IF_ERROR(storage::check_scope(request.scope));
  if (request.decision.empty() && request.completion.empty()) {
    return invalid("decision or completion is required");
  }
  if (request.signals.empty() || request.signals.size() > kMaxSignals) {
    return invalid("signals must hold between 1 and 64 signals");
  }
  for (const Signal& signal : request.signals) KITH_RETURN_IF_ERROR(check_signal(signal));
  return {};
}

// The same signal said again has the same key.
std::string make_key(const FeedbackRequest& request, const DecisionId& decision,
                     const Signal& signal, std::size_t index) {
  if (!request.key.empty()) {
    return request.signals.size() == 1 ? request.key : request.key + "#" + std::to_string(index);
  }
  const std::string value = signal.value ? std::to_string(*signal.value) : "";
  return storage::digest(
      {decision.str(), signal.kind, value, signal.text, std::to_string(signal.at)});
}

// What a rating of the turn would be: thumbs are its two ends.
std::optional<double> to_rating(const Signal& signal) {
  if (!signal.value) return std::nullopt;
  if (signal.kind == "rating") return *signal.value;
  if (signal.kind == "thumb") return *signal.value > 0 ? 5.0 : 1.0;
  return std::nullopt;
}

}  // namespace

FeedbackRecorder::FeedbackRecorder(storage::StoreSet& stores, const base::Clock& clock,
                                   AdapterVersions* versions, PersonaLearner* learner)
    : stores_(stores), clock_(clock), versions_(versions), learner_(learner) {}

Result<FeedbackOutcome> FeedbackRecorder::record(const FeedbackRequest& request) {
  KITH_RETURN_IF_ERROR(check_request(request));
  KITH_ASSIGN_OR_RETURN(const auto decision,
                        request.decision.empty()
                            ? stores_.decisions().find_completion(request.scope, request.completion)
                            : stores_.decisions().find(request.scope, request.decision));
  if (!decision) return Error{ErrorCode::kNotFound, "this user has no such decision"};

  FeedbackOutcome outcome;
  outcome.applied_to = {decision->id};
  const base::UnixMicros now = clock_.now();
  std::vector<persona::BehaviourEvent> events;
  for (std::size_t i = 0; i < request.signals.size(); ++i) {
    const Signal& signal = request.signals[i];
    const storage::FeedbackRow row{make_key(request, decision->id, signal, i),
                                   decision->id,
                                   signal.kind,
                                   signal.value,
                                   signal.text,
                                   signal.at == 0 ? now : signal.at,
                                   now};
    KITH_ASSIGN_OR_RETURN(const bool is_new, stores_.feedback().add(request.scope, row));
    if (!is_new) continue;
    ++outcome.num_added;
    if (auto event = behaviour_of(row)) events.push_back(*std::move(event));
    if (versions_ != nullptr && signal.kind == "thumb" && signal.value) {
      versions_->on_thumb(*decision, *signal.value);
    }
    const auto rating = to_rating(signal);
    if (!rating) continue;
    KITH_ASSIGN_OR_RETURN(const auto turn, stores_.conversations().find_completion(
                                               request.scope, decision->completion));
    if (!turn) continue;
    KITH_RETURN_IF_ERROR(stores_.conversations().set_rating(
        request.scope, storage::TurnRef{turn->conversation, turn->index}, *rating));
  }
  learn(request.scope, events);
  return outcome;
}

// The signals are stored: that nothing was learned of them is no failure of the call.
void FeedbackRecorder::learn(const storage::Scope& scope,
                             std::span<const persona::BehaviourEvent> events) {
  if (learner_ == nullptr || events.empty()) return;
  const Status learned = learner_->learn(scope, events);
  if (!learned) {
    base::log_warn("no persona was learned from feedback: " +
                   std::string(name_of(learned.error().code)));
  }
}

}  // namespace kith::personalize
