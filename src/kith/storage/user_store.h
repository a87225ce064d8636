// Ports for who the users are: attributes, consent, and their persona assignment.
// All stores: thread-safe; errors besides those stated are kInvalidArgument for a bad scope or id
// and kUnavailable when the backend fails or stays locked. A write that returned success is
// durable.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::storage {

// Attribute name (dotted when nested: "address.city") to its text.
using Attributes = std::map<std::string, std::string>;

// Attribute name to when its value was first recorded.
using AttributeTimes = std::map<std::string, base::UnixMicros>;

struct UserRow {
  UserId id;
  Attributes attributes;
  base::UnixMicros created_at = 0;
  base::UnixMicros updated_at = 0;
  // Of every attribute: an update that repeats a value leaves its time.
  AttributeTimes recorded_at = {};

  friend bool operator==(const UserRow&, const UserRow&) = default;
};

enum class WriteOutcome : std::uint8_t { kAdded, kUpdated, kUnchanged };

// What one erasure removed: table name to number of rows. Holds no user text and no id.
struct EraseReceipt {
  base::UnixMicros at = 0;
  std::map<std::string, std::int64_t> rows;

  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const auto& [table, count] : rows) sum += count;
    return sum;
  }
};

class UserStore {
 public:
  virtual ~UserStore() = default;

  // Creates the user, or replaces all attributes. kUnchanged if they are equal already.
  virtual Result<WriteOutcome> upsert(const Scope& scope, const Attributes& attributes,
                                      base::UnixMicros at) = 0;
  virtual Result<std::optional<UserRow>> find(const Scope& scope) = 0;
  // At most `limit` users with an id above `after` (empty: from the first), in order of id.
  virtual Result<std::vector<UserRow>> list(const TenantScope& scope, const UserId& after,
                                            std::size_t limit) = 0;
  // Removes every row about the user from every table in one transaction, then makes sure that no
  // byte of them stays in the backend's files. Erasing an unknown user succeeds with zero rows.
  virtual Result<EraseReceipt> erase(const Scope& scope, base::UnixMicros at) = 0;
};

// Purposes that Kith asks about; others may be stored as well.
inline constexpr const char* kConsentPersonalize = "personalize";
inline constexpr const char* kConsentLearn = "learn";
inline constexpr const char* kConsentProfile = "profile";

struct ConsentRow {
  std::string purpose;
  bool granted = true;
  base::UnixMicros at = 0;

  friend bool operator==(const ConsentRow&, const ConsentRow&) = default;
};

// What ConsentStore::allows() says of a user whose decisions are `rows`.
bool is_allowed(std::span<const ConsentRow> rows, std::string_view purpose);

// Nothing caches consent: ask at each use.
class ConsentStore {
 public:
  virtual ~ConsentStore() = default;

  // True unless the user refused this purpose.
  virtual Result<bool> allows(const Scope& scope, std::string_view purpose) = 0;
  virtual Result<WriteOutcome> set(const Scope& scope, std::string_view purpose, bool granted,
                                   base::UnixMicros at) = 0;
  // What the user has decided, in order of purpose.
  virtual Result<std::vector<ConsentRow>> list(const Scope& scope) = 0;
};

struct PersonaWeight {
  PersonaId persona;
  double probability = 0.0;  // [0, 1]

  friend bool operator==(const PersonaWeight&, const PersonaWeight&) = default;
};

// The posterior over the personas of the catalogue (which is configuration, not stored here).
struct PersonaAssignment {
  std::vector<PersonaWeight> weights;  // most likely first
  std::string evidence = "{}";         // JSON: the reasons, and whatever an update needs
  std::string model_version;           // the assigner that made it
  base::UnixMicros at = 0;

  friend bool operator==(const PersonaAssignment&, const PersonaAssignment&) = default;
};

// Another persona became a user's most likely one.
struct PersonaChange {
  base::UnixMicros at = 0;
  PersonaId from;  // empty: the user had none
  PersonaId to;

  friend bool operator==(const PersonaChange&, const PersonaChange&) = default;
};

class PersonaStore {
 public:
  virtual ~PersonaStore() = default;

  // Replaces the user's assignment, and notes a change of the most likely persona. Errors:
  // kInvalidArgument if there is no weight, or a
  //   probability lies outside [0, 1].
  virtual Status put(const Scope& scope, const PersonaAssignment& assignment) = 0;
  virtual Result<std::optional<PersonaAssignment>> find(const Scope& scope) = 0;
  // Oldest first.
  virtual Result<std::vector<PersonaChange>> changes(const Scope& scope) = 0;
  // Number of users by most likely persona.
  virtual Result<std::map<PersonaId, std::int64_t>> count_users(const TenantScope& scope) = 0;
};

}  // namespace kith::storage
