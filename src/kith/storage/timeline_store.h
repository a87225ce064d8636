// Port for timelines: what users did, in order of time, as a user encoder reads it. Many kinds of
// events stand in one sequence (message, click, rating, ticket, resource opened, purchase).
// Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"
#include "kith/storage/user_store.h"

namespace kith::storage {

// Longest text of an event, and most categories with their longest name and value, in bytes.
inline constexpr std::size_t kMaxEventTextBytes = 16 << 10;
inline constexpr std::size_t kMaxEventCategories = 64;

// One event. Everything but id, kind and time may be missing.
struct TimelineEvent {
  std::string id;  // unique among the user's events
  base::UnixMicros at = 0;
  // When Kith heard of it.
  base::UnixMicros received_at = 0;
  std::string kind;
  std::string item;
  Attributes categories;
  std::optional<double> number;  // finite
  std::string text;

  friend bool operator==(const TimelineEvent&, const TimelineEvent&) = default;
};

struct UserEvent {
  UserId user;
  TimelineEvent event;
  // Whether `at` is the event's own. If not, it stands in for a time that nobody knows, and an
  // event that is stored already keeps the time it has.
  bool has_time = true;
};

// A place in a timeline: events are ordered by time, and among equal times by arrival.
struct TimelinePosition {
  base::UnixMicros at = 0;
  std::int64_t arrival = 0;  // from 1, counted by user; 0: before all of that time

  friend auto operator<=>(const TimelinePosition&, const TimelinePosition&) = default;
};

struct PlacedEvent {
  TimelinePosition position;
  TimelineEvent event;

  friend bool operator==(const PlacedEvent&, const PlacedEvent&) = default;
};

// What a state made of a timeline is checked against before it is carried on.
struct TimelineHead {
  std::int64_t num_events = 0;
  // Changes whenever an event is changed or put before another: what was made of the events up to
  // `last` no longer holds then. Events added at the end leave it.
  std::int64_t revision = 0;
  TimelinePosition last;

  friend bool operator==(const TimelineHead&, const TimelineHead&) = default;
};

// Errors: kInvalidArgument for a kind or id that check_row_id() refuses, an item or category that
//   is too long, too many categories, too long a text, a number that is not finite, or a time
//   before 1970.
Status check_event(const TimelineEvent& event);

class TimelineStore {
 public:
  virtual ~TimelineStore() = default;

  // Stores the events of any users of a tenant in one transaction, all or none. An event whose id
  // the user has already replaces the stored one, which keeps the time it was received first:
  // kUpdated, or kUnchanged if they are equal but for that time.
  //   returns: [events.size()]
  // Errors: those of check_event, naming nothing of the event's content.
  virtual Result<std::vector<WriteOutcome>> add(const TenantScope& scope,
                                                std::span<const UserEvent> events) = 0;
  // No value: the user has no events.
  virtual Result<std::optional<TimelineHead>> head(const Scope& scope) = 0;
  // The events behind `position`, oldest first, at most `limit`.
  virtual Result<std::vector<PlacedEvent>> after(const Scope& scope,
                                                 const TimelinePosition& position,
                                                 std::size_t limit) = 0;
  // The last events before `position` (no value: of all), oldest first, at most `limit`.
  virtual Result<std::vector<PlacedEvent>> newest(const Scope& scope,
                                                  std::optional<TimelinePosition> position,
                                                  std::size_t limit) = 0;
  // At most `limit` users that have events with an id above `after`, in order of id.
  virtual Result<std::vector<UserId>> users(const TenantScope& scope, const UserId& after,
                                            std::size_t limit) = 0;
};

}  // namespace kith::storage
