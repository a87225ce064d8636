// What the user encoder says of users, for /v1/users/{id}/embedding and its neighbours (ADR 26).
// Implemented in runtime.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::server {

struct UserEmbeddingView {
  std::string version;
  std::int64_t num_events = 0;
  std::optional<base::UnixMicros> last_event_at;  // none for a mean
  base::UnixMicros made_at = 0;
  std::vector<float> vector;
  int num_latents = 0;
  bool is_current = false;
  // Users behind the mean that stands in for the user; 0: it is his own.
  std::int64_t num_mean_users = 0;
  bool is_of_persona = false;
};

struct SimilarUser {
  UserId user;
  PersonaId persona;  // empty: none
  double cosine = 0.0;
  // Values that both met often, by feature.
  std::map<std::string, std::vector<std::string>> shared;
};

struct SimilarUsers {
  std::string version;
  // What was compared is a mean, as the user has no embedding of his own.
  bool is_mean = false;
  std::vector<SimilarUser> users;  // the nearest first
};

// Whose mean is compared: these users', or a persona's. One of the two.
struct Cohort {
  std::vector<UserId> users;
  PersonaId persona;
};

struct NextValue {
  std::string value;
  double probability = 0.0;
};

struct MapPoint {
  UserId user;
  PersonaId persona;
  std::array<float, 2> place{};
};

struct UserMap {
  std::string version;
  std::int64_t num_users = 0;  // with an embedding; `points` may be fewer
  std::vector<MapPoint> points;
};

// Thread-safe. All errors: those of the stores, and as stated.
class UserEmbeddingService {
 public:
  virtual ~UserEmbeddingService() = default;

  // No value: there is none, or the user refuses to be learned from.
  virtual Result<std::optional<UserEmbeddingView>> find(const storage::Scope& scope) = 0;
  // kNotFound if the user has no embedding.
  virtual Result<SimilarUsers> similar(const storage::Scope& scope, std::size_t k) = 0;
  // Users of the cohort itself are not among them if they were named. kNotFound if no user of the
  // cohort has an embedding.
  virtual Result<SimilarUsers> near_cohort(const storage::TenantScope& scope, const Cohort& cohort,
                                           std::size_t k) = 0;
  // Features that next_values() knows.
  virtual std::vector<std::string> features() const = 0;
  // Empty: nothing is known of the user. kNotFound for another feature; kDeadlineExceeded while his
  // events are being read.
  virtual Result<std::vector<NextValue>> next_values(const storage::Scope& scope,
                                                     const std::string& feature, std::size_t k) = 0;
  virtual Result<UserMap> map(const storage::TenantScope& scope, std::size_t limit) = 0;

  // There may be new events.
  virtual void wake() = 0;
  // Before the user is erased.
  virtual void forget(const storage::Scope& scope) = 0;
};

}  // namespace kith::server
