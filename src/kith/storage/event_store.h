// Port for what happened to a user: events that somebody may want to hear of later, such as a
// change of persona. Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::storage {

// The user has become somebody else: {schema, from, to, probabilities{}, reasons[]}.
inline constexpr const char* kEventPersonaChanged = "persona_changed";

struct EventRow {
  std::string id;  // one event once: a second row with the same id is ignored
  std::string kind;
  std::string document = "{}";  // JSON
  base::UnixMicros at = 0;

  friend bool operator==(const EventRow&, const EventRow&) = default;
};

class EventStore {
 public:
  virtual ~EventStore() = default;

  // Returns true if added, false if the user has an event of this id.
  // Errors: kInvalidArgument if id or kind is empty.
  virtual Result<bool> add(const Scope& scope, const EventRow& event) = 0;
  // Newest first, at most `limit`; `kind` empty: of every kind.
  virtual Result<std::vector<EventRow>> list(const Scope& scope, std::string_view kind,
                                             std::size_t limit) = 0;
};

}  // namespace kith::storage
