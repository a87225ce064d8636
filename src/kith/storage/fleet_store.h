// Port for figures over all users of a tenant. Figures are counts alone, without any id of a user.
// They are counted from the rows about users, so an erased user is in none of them.
// Thread-safety and common errors: see user_store.h.
#pragma once

#include <cstdint>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"
#include "kith/storage/user_store.h"

namespace kith::storage {

// At most this many buckets in one query.
inline constexpr std::int64_t kMaxFleetBuckets = 400;

struct FleetQuery {
  PersonaId persona;
  // [from, to), cut into buckets of equal length, the last of which may be shorter.
  base::UnixMicros from = 0;
  base::UnixMicros to = 0;
  base::UnixMicros bucket = 0;
};

// What happened within a span of time.
struct FleetCounts {
  base::UnixMicros from = 0;
  base::UnixMicros to = 0;
  // Users whose most likely persona this was at the end, and who came to it or left it meanwhile.
  std::int64_t size = 0;
  std::int64_t joined = 0;
  std::int64_t left = 0;
  // Answers that this persona gave, how many different users got them, and answers by anybody.
  std::int64_t requests = 0;
  std::int64_t users = 0;
  std::int64_t all_requests = 0;
  // On answers that this persona gave, by when they came; the last on an answer counts.
  std::int64_t thumbs_up = 0;
  std::int64_t thumbs_down = 0;
  // The same of answers to users whose own persona this was, whoever gave them.
  std::int64_t own_requests = 0;
  std::int64_t own_users = 0;
  std::int64_t own_thumbs_up = 0;
  std::int64_t own_thumbs_down = 0;

  friend bool operator==(const FleetCounts&, const FleetCounts&) = default;
};

struct FleetFigures {
  std::vector<FleetCounts> buckets;  // in the order of time
  FleetCounts total;                 // of the whole span; its users are counted once
  // Users with any persona at the end.
  std::int64_t all_users = 0;
};

class FleetStore {
 public:
  virtual ~FleetStore() = default;

  // O(answers and thumbs within the span, and changes of persona up to its end).
  // Errors: kInvalidArgument if the span is empty, the bucket is not above 0, or there would be
  //   more than kMaxFleetBuckets.
  virtual Result<FleetFigures> figures(const TenantScope& scope, const FleetQuery& query) = 0;

  // Notes who a user seems to be of whom no persona is assigned, so that he is counted. False, and
  // no effect, if there is no such user, he has an assignment, or this was noted last.
  // Errors: kInvalidArgument for an empty persona.
  virtual Result<bool> note(const Scope& scope, const PersonaId& persona, base::UnixMicros at) = 0;
  // Users without an assignment, of whom nothing has been noted since their attributes changed; in
  // order of their ids.
  virtual Result<std::vector<UserRow>> list_unnoted(const TenantScope& scope, const UserId& after,
                                                    std::size_t limit) = 0;
};

}  // namespace kith::storage
