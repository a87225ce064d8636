// Port for user embeddings: what a user encoder (timeline/event_encoder.h) made of users'
// timelines, a row for each user and version of the encoder. Numbers of two versions are never
// compared (ADR 26). Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"
#include "kith/storage/timeline_store.h"

namespace kith::storage {

struct EmbeddingRow {
  // Of the encoder: a hash of all that decides its numbers.
  std::string version;
  // Events that it was made of; what a burst repeats counts once.
  std::int64_t num_events = 0;
  // Of the timeline when it was made: it is current while this is still the timeline's head.
  TimelineHead head;
  base::UnixMicros made_at = 0;
  // [width], of length 1.
  std::vector<float> vector;
  // [num_latents, width], row-major.
  std::vector<float> latents;
  int num_latents = 0;

  friend bool operator==(const EmbeddingRow&, const EmbeddingRow&) = default;
};

struct EmbeddedUser {
  UserId user;
  // The one that was noted last of him; empty without one.
  PersonaId persona;
  EmbeddingRow embedding;
};

// How far a version has come with the users of a tenant who have events and do not refuse that Kith
// learns from them.
struct EmbeddingCoverage {
  std::int64_t num_users = 0;
  std::int64_t num_embedded = 0;
  // Of these, made of all that the user did.
  std::int64_t num_current = 0;

  friend bool operator==(const EmbeddingCoverage&, const EmbeddingCoverage&) = default;
};

class EmbeddingStore {
 public:
  virtual ~EmbeddingStore() = default;

  // Replaces the user's row of that version. False, and no effect, if the user has no events (any
  // more), or refuses to be learned from: an embedding that was being made meanwhile brings nobody
  // back.
  // Errors: kInvalidArgument for an empty version, sizes that do not fit each other or numbers that
  //   are not finite.
  virtual Result<bool> put(const Scope& scope, const EmbeddingRow& row) = 0;
  virtual Result<std::optional<EmbeddingRow>> find(const Scope& scope,
                                                   const std::string& version) = 0;
  // All versions, in order.
  virtual Result<std::vector<EmbeddingRow>> list(const Scope& scope) = 0;
  // At most `limit` users of a version with an id above `after`, in order of id. Who refuses to be
  // learned from is left out.
  virtual Result<std::vector<EmbeddedUser>> page(const TenantScope& scope,
                                                 const std::string& version, const UserId& after,
                                                 std::size_t limit) = 0;
  // At most `limit` users with an id above `after`, in order of id, whose row of that version is
  // missing or not current.
  virtual Result<std::vector<UserId>> stale(const TenantScope& scope, const std::string& version,
                                            const UserId& after, std::size_t limit) = 0;
  virtual Result<EmbeddingCoverage> coverage(const TenantScope& scope,
                                             const std::string& version) = 0;
  // Rows by version.
  virtual Result<std::map<std::string, std::int64_t>> versions(const TenantScope& scope) = 0;
  // Tenants with timelines, in order.
  virtual Result<std::vector<TenantId>> tenants() = 0;
  // Removes at most `limit` rows of other versions. Returns how many.
  virtual Result<std::int64_t> remove_others(const TenantScope& scope, const std::string& version,
                                             std::size_t limit) = 0;
  // Removes the rows of all who refuse to be learned from. Returns how many.
  virtual Result<std::int64_t> remove_refused(const TenantScope& scope) = 0;
};

// What put() holds rows to.
Status check_embedding(const EmbeddingRow& row);

}  // namespace kith::storage
