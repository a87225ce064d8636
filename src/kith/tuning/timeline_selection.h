// Which users' events train a user encoder, and which validate it: those who consent at that
// moment, none of them outweighing the others, no value in it that only a few of them have.
// docs/formats/training-data.md, ADR 28.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/user_cap.h"
#include "kith/storage/store_set.h"
#include "kith/timeline/feature_map.h"

namespace kith::tuning {

struct TimelineOptions {
  // Users that must train, at least.
  std::size_t min_users = 10;
  // Users that must have a value for the encoder to know it (k-anonymity), >= 1.
  std::int64_t min_value_users = 10;
  // Shares of users, by their events.
  persona::UserCapOptions cap;
  // Share of the users who only validate, in [0, 0.5].
  double validation_users = 0.125;
  // Whose vectors the texts of events become; without dimensions texts are only there or missing.
  timeline::TextSource text_source;
};

enum class TimelineDropReason : std::uint8_t {
  kNoConsent,    // the user does not consent to learning
  kUnknownUser,  // events of somebody who is no user (any more)
  kTooFew,       // less than kMinEvents
};
inline constexpr std::size_t kNumTimelineDropReasons = 3;
std::string_view to_string(TimelineDropReason reason);
std::string_view explain(TimelineDropReason reason);

// To learn from a timeline takes two events, and one more is kept from training.
inline constexpr std::size_t kMinEvents = 3;

struct SelectedTimeline {
  UserId user;
  // Else the events only validate.
  bool trains = true;
  // Oldest first, bursts as one event.
  std::vector<storage::TimelineEvent> events;
};

// A user who does not take part, in order of id, which the number stands for.
struct DroppedTimeline {
  std::size_t user = 0;
  std::int64_t events = 0;
  TimelineDropReason reason = TimelineDropReason::kNoConsent;
};

struct TimelineSelection {
  // In order of id.
  std::vector<SelectedTimeline> timelines;
  std::vector<DroppedTimeline> dropped;
  // Users with events, taking part or not.
  std::size_t num_users = 0;
  // Events that a burst repeats, and those of the users above the cap, whose oldest are left out.
  std::int64_t num_burst_events = 0;
  std::int64_t num_capped_events = 0;
  // Of the training users.
  persona::UserCap cap;
  // What the map does not know for the sake of min_value_users.
  std::vector<timeline::WithheldValues> withheld;

  std::size_t count(bool trains) const;
  std::int64_t num_events(bool trains) const;
};

// Who takes part with which events, and the map fitted on those that train. The same store and
// options give the same result.
struct FittedSelection {
  TimelineSelection selection;
  timeline::FeatureMap map;
};

// Errors: kInvalidArgument for too few users or an option out of range; those of the stores.
Result<FittedSelection> select_timelines(storage::StoreSet& stores,
                                         const storage::TenantScope& scope,
                                         const timeline::TimelineSchema& schema,
                                         const TimelineOptions& options);

}  // namespace kith::tuning
