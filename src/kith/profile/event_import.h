// Imports events into timelines (storage/timeline_store.h) from JSONL or CSV files of any size:
// records are read one at a time and stored some thousands in a transaction.
//
//   events  {id, user, at, kind, item, categories{}, number, text}
//
// Only `user` must be given. Files of other systems name these members otherwise: `columns` says
// how. `at` is ISO 8601 text or a number of Unix seconds. What real logs hold:
//   - an event without `id` is known by its content: repeated in a file or by another import it
//     counts once;
//   - an event of a known `id` with other content replaces the stored one;
//   - an event without `at` happened when it was imported; one of the future happened when it was
//     imported, too, as a clock was wrong; one before 1970 is a bad line;
//   - late events take the place that their time gives them;
//   - other members may be missing and unknown ones are ignored.
// An import that was killed is repeated: what it stored already is recognised, and read past
// quickly.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/record_reader.h"
#include "kith/storage/timeline_store.h"

namespace kith::profile {

struct EventImportOptions {
  storage::TenantScope tenant{TenantId(storage::kDefaultTenant)};
  storage::RecordOptions records;
  // Member of an event ("item", "categories.genre") to its name in the file ("movieId").
  std::map<std::string, std::string> columns;
  // Kind of the events that name none. Not empty.
  std::string kind = "event";
  // Events of one transaction. > 0.
  std::size_t batch = 4096;
};

struct EventImportReport {
  storage::ImportReport records;
  // Added or updated events whose time lay in the future.
  std::int64_t num_from_the_future = 0;
};

// Errors: those of storage::import_records; kInvalidArgument for a column that no event has.
Result<EventImportReport> import_events(storage::TimelineStore& timelines, const base::Clock& clock,
                                        const EventImportOptions& options,
                                        const std::filesystem::path& file);

}  // namespace kith::profile
