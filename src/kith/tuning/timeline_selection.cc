#include "kith/tuning/timeline_selection.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "kith/persona/validation_draw.h"

namespace kith::tuning {
namespace {

using storage::TimelineEvent;

constexpr std::size_t kUsersAtOnce = 1'000;
constexpr std::size_t kEventsAtOnce = 10'000;

struct ReasonNames {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<ReasonNames, kNumTimelineDropReasons> kReasons{
    {{"no_consent", "the user does not consent to learning"},
     {"unknown_user", "the user was erased or was never known"},
     {"too_few_events", "fewer than three events"}}};

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status check_options(const TimelineOptions& options) {
  if (options.min_users < 1) return invalid("the floor of users must be at least 1");
  if (options.min_value_users < 1) {
    return invalid("the users that must have a value must be at least 1: " +
                   std::to_string(options.min_value_users));
  }
  if (!(options.validation_users >= 0.0 && options.validation_users <= 0.5)) {
    return invalid("the share of users for validation must be in [0, 0.5]");
  }
  return {};
}

Result<std::vector<UserId>> users_with_events(storage::TimelineStore& store,
                                              const storage::TenantScope& scope) {
  std::vector<UserId> users;
  while (true) {
    const UserId last = users.empty() ? UserId() : users.back();
    KITH_ASSIGN_OR_RETURN(auto page, store.users(scope, last, kUsersAtOnce));
    if (page.empty()) return users;
    std::move(page.begin(), page.end(), std::back_inserter(users));
  }
}

Result<std::vector<TimelineEvent>> all_events(storage::TimelineStore& store,
                                              const storage::Scope& scope) {
  std::vector<TimelineEvent> events;
  storage::TimelinePosition last;
  while (true) {
    KITH_ASSIGN_OR_RETURN(auto page, store.after(scope, last, kEventsAtOnce));
    if (page.empty()) return events;
    last = page.back().position;
    for (auto& placed : page) events.push_back(std::move(placed.event));
  }
}

// Consent is asked here, at each use, and kept nowhere.
Result<std::optional<TimelineDropReason>> reason_against(storage::StoreSet& stores,
                                                         const storage::Scope& scope) {
  using Reason = std::optional<TimelineDropReason>;
  KITH_ASSIGN_OR_RETURN(const auto user, stores.users().find(scope));
  if (!user) return Reason(TimelineDropReason::kUnknownUser);
  KITH_ASSIGN_OR_RETURN(const bool allowed,
                        stores.consents().allows(scope, storage::kConsentLearn));
  return allowed ? Reason() : Reason(TimelineDropReason::kNoConsent);
}

// Takes one user after the other.
class Selection {
 public:
  Selection(storage::StoreSet& stores, const storage::TenantScope& scope, int burst_seconds,
            double validation_users)
      : stores_(stores),
        scope_(scope),
        burst_seconds_(burst_seconds),
        validation_users_(validation_users) {}

  Status take(const UserId& user) {
    const storage::Scope own{scope_.tenant, user};
    const std::size_t number = selection_.num_users++;
    KITH_ASSIGN_OR_RETURN(auto reason, reason_against(stores_, own));
    KITH_ASSIGN_OR_RETURN(auto events, all_events(stores_.timelines(), own));
    const auto count = static_cast<std::int64_t>(events.size());
    if (!reason) {
      events = timeline::without_bursts(std::move(events), burst_seconds_);
      if (events.size() < kMinEvents) reason = TimelineDropReason::kTooFew;
    }
    if (reason) {
      selection_.dropped.push_back({number, count, *reason});
      return {};
    }
    selection_.num_burst_events += count - static_cast<std::int64_t>(events.size());
    const bool trains = persona::validation_draw(user) >= validation_users_;
    selection_.timelines.push_back({user, trains, std::move(events)});
    return {};
  }

  TimelineSelection finish() && { return std::move(selection_); }

 private:
  storage::StoreSet& stores_;
  const storage::TenantScope& scope_;
  int burst_seconds_;
  double validation_users_;
  TimelineSelection selection_;
};

// Whoever is above the cap keeps his newest events, as many as leave him the cap's share.
Status cap_events(const TimelineOptions& options, TimelineSelection& selection) {
  std::vector<SelectedTimeline*> training;
  std::vector<double> amounts;
  for (SelectedTimeline& timeline : selection.timelines) {
    if (!timeline.trains) continue;
    training.push_back(&timeline);
    amounts.push_back(static_cast<double>(timeline.events.size()));
  }
  if (training.size() < options.min_users) {
    return invalid("only " + std::to_string(training.size()) +
                   " users would train this encoder; the floor is " +
                   std::to_string(options.min_users) + " (--min-users)");
  }
  KITH_ASSIGN_OR_RETURN(selection.cap, persona::cap_users(amounts, options.cap));
  const auto& weights = selection.cap.weights;
  const double highest = *std::max_element(weights.begin(), weights.end());
  for (std::size_t i = 0; i < training.size(); ++i) {
    auto& events = training[i]->events;
    const auto kept =
        std::max(kMinEvents, static_cast<std::size_t>(amounts[i] * weights[i] / highest + 1e-6));
    if (kept >= events.size()) continue;
    selection.num_capped_events += static_cast<std::int64_t>(events.size() - kept);
    events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(kept));
  }
  return {};
}

}  // namespace

std::string_view to_string(TimelineDropReason reason) {
  return kReasons[static_cast<std::size_t>(reason)].name;
}

std::string_view explain(TimelineDropReason reason) {
  return kReasons[static_cast<std::size_t>(reason)].sentence;
}

std::size_t TimelineSelection::count(bool trains) const {
  return static_cast<std::size_t>(
      std::count_if(timelines.begin(), timelines.end(),
                    [&](const SelectedTimeline& t) { return t.trains == trains; }));
}

std::int64_t TimelineSelection::num_events(bool trains) const {
  std::int64_t events = 0;
  for (const SelectedTimeline& t : timelines) {
    if (t.trains == trains) events += static_cast<std::int64_t>(t.events.size());
  }
  return events;
}

Result<FittedSelection> select_timelines(storage::StoreSet& stores,
                                         const storage::TenantScope& scope,
                                         const timeline::TimelineSchema& schema,
                                         const TimelineOptions& options) {
  KITH_RETURN_IF_ERROR(check_options(options));
  KITH_ASSIGN_OR_RETURN(const auto users, users_with_events(stores.timelines(), scope));
  Selection selecting(stores, scope, schema.burst_seconds, options.validation_users);
  for (const UserId& user : users) KITH_RETURN_IF_ERROR(selecting.take(user));
  TimelineSelection selection = std::move(selecting).finish();
  KITH_RETURN_IF_ERROR(cap_events(options, selection));
  if (options.validation_users > 0.0 && selection.count(false) == 0) {
    return invalid("no user is left for validation; more users with events are needed");
  }
  timeline::FeatureMapBuilder builder(schema, options.min_value_users);
  builder.set_text_source(options.text_source);
  for (const SelectedTimeline& timeline : selection.timelines) {
    if (timeline.trains) builder.add(timeline.events);
  }
  selection.withheld = builder.withheld();
  return FittedSelection{std::move(selection), builder.build()};
}

}  // namespace kith::tuning
