// Figures of a persona's fleet of users as they are told: over HTTP, on the page and by `kith
// persona stats` (docs/formats/http.md).
//
// What few users did is not told, as it would be about them: answers and thumbs of a span of time
// are withheld unless none or at least `min_users` different users asked in it.
#pragma once

#include <cstdint>
#include <string>

#include "kith/base/clock.h"
#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/storage/fleet_store.h"

namespace kith::persona {

// As somebody asks; empty members take their default.
struct FleetSpan {
  std::string from;    // ISO 8601, a day or a time; default: 29 days before `to`
  std::string to;      // exclusive; a day means its end; default: the end of today
  std::string bucket;  // "day" (default) or "week"
};

// Days are those of UTC; `from` is brought to the beginning of its day, `to` to the end of it.
// Errors: kInvalidArgument, naming the member, for what is no time, an empty span, another bucket,
//   or more than storage::kMaxFleetBuckets.
Result<storage::FleetQuery> to_fleet_query(const PersonaId& persona, const FleetSpan& span,
                                           base::UnixMicros now);

// {"persona","from","to","size","share","total":{..},"buckets":[{..}]}; in each, beside the answers
// that this persona gave, those `to_own_users`, whoever gave them.
base::OrderedJson fleet_json(const storage::FleetQuery& query, const storage::FleetFigures& figures,
                             std::int64_t min_users);

}  // namespace kith::persona
