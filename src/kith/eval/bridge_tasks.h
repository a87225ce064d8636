// What bridges from the user encoder are tried on: the next need of an employee of the service-desk
// example, as text, from exactly so many events.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/schema.h"

namespace kith::eval {

// One user's events, oldest first.
struct UserTimeline {
  // Of several files, the same name stands for different users.
  std::string user;
  bool is_test = false;
  std::vector<storage::TimelineEvent> events;
};

// A moment, the events before it, and the need of the event that follows.
struct NeedExample {
  std::string user;
  bool is_test = false;
  std::vector<storage::TimelineEvent> history;
  std::string answer;
};

// What the encoder reads and what texts tell: kind, need, priority and number of an event.
timeline::TimelineSchema need_schema();

// Events as `kith import events` stores them: each id once, in order of time, what lies after `now`
// at `now`; bursts are taken out. Three users in ten, by their names' hash, are test users.
// Errors: those of the files; kInvalidArgument if a file has lines that are no events.
Result<std::vector<UserTimeline>> read_timelines(const std::vector<std::filesystem::path>& files,
                                                 base::UnixMicros now);

// Moments with exactly `history` events before them at which a user turns to another need than the
// last one known: at most `cuts` of each user, evenly over the timeline.
std::vector<NeedExample> need_examples(const std::vector<UserTimeline>& timelines,
                                       std::size_t history, std::size_t cuts);

// The need as a text says it: "second factor"; empty where the event names none.
std::string need_of(const storage::TimelineEvent& event);
// One line an event, oldest first: "ticket vpn high".
std::string history_text(const NeedExample& example);
// One line: the needs that come most often, and the last.
std::string summary_text(const NeedExample& example);
// The need that the history holds most often, the last one left out: it is never the answer.
std::string favourite_need(const NeedExample& example);

}  // namespace kith::eval
