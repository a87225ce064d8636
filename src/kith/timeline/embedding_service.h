// User embeddings in service (ADR 26): a thread that keeps the stored embeddings of all users
// current, and the answers that others ask for.
//
// One version of the encoder is served at a time, by tenant: where another version's embeddings are
// stored, they are served until the loaded encoder has embedded every user who has events, in the
// background, at a stated rate; then it is served, and theirs are removed. So numbers of two
// versions are never compared.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kith/timeline/persona_means.h"
#include "kith/timeline/user_embedder.h"
#include "kith/timeline/vector_index.h"

namespace kith::timeline {

struct EmbeddingServiceOptions {
  // Users whose states are kept, >= 1.
  int max_states = 64;
  // Users that are brought up to date in the background, a second at most, > 0. A user of 200
  // events takes some 3 ms of the compute thread and a write of the store: answers hardly notice.
  double users_per_second = 20.0;
  // How long an answer waits for its user's embedding to take in what he did last, before it takes
  // the stored one.
  std::chrono::milliseconds answer_wait{20};
  // How often users who are behind are looked for when nobody says that there are any.
  std::chrono::milliseconds scan_every{30'000};
  // A mean is over at least so many users.
  int min_mean_users = 10;
};

// Counts what the service does. Thread-safe.
class EmbeddingObserver {
 public:
  virtual ~EmbeddingObserver() = default;
  virtual void on_refreshed(RefreshKind kind, double seconds) = 0;
  virtual void on_failed() = 0;
  // Over all tenants, as of the last scan.
  virtual void set_coverage(const storage::EmbeddingCoverage& coverage) = 0;
};

// What is served of a user.
struct ServedEmbedding {
  // The user's own; of a mean without num_events and head.
  storage::EmbeddingRow row;
  // Users behind the mean that stands in for him; 0: it is his own.
  std::int64_t num_mean_users = 0;
  bool is_of_persona = false;  // the mean
  // Whose mean it is; empty: that of all.
  PersonaId mean_persona;
  // Whether it holds all that he did.
  bool is_current = false;

  bool is_mean() const { return num_mean_users > 0; }
};

struct ExpectedValue {
  std::string value;
  double probability = 0.0;
};

// Thread-safe.
class EmbeddingService {
 public:
  // Takes the encoder, borrows the rest. `observer` may be null. start() sets it to work.
  EmbeddingService(storage::StoreSet& stores, std::unique_ptr<EventEncoder> encoder,
                   const base::Clock& clock, Compute compute,
                   const EmbeddingServiceOptions& options = {},
                   EmbeddingObserver* observer = nullptr);
  // Joins the thread; a long timeline that is being read is given up.
  ~EmbeddingService();
  EmbeddingService(const EmbeddingService&) = delete;
  EmbeddingService& operator=(const EmbeddingService&) = delete;

  // Finds out what is served, then begins to work. Errors: those of the stores.
  Status start();

  const std::string& encoder_version() const { return version_; }
  // The schema's features that are predicted and have values to name.
  std::vector<std::string> nameable_features() const;

  // Says that there may be new events, of any user.
  void wake();
  // Forgets the state and the vector of a user who is being erased; waits for that.
  void forget(const storage::Scope& scope);

  // What is served of a user now. No value: there is nothing, or he refuses to be learned from.
  // Waits for answer_wait at most. Errors: those of the stores.
  Result<std::optional<ServedEmbedding>> find(const storage::Scope& scope);

  // The users of the tenant nearest to `vector`, without those of `leaves_out` and those who refuse
  // to be learned from.
  //   vector: of the version that is served, else nobody is near
  // Errors: those of the stores.
  Result<std::vector<Neighbour>> nearest(const storage::TenantScope& scope,
                                         std::span<const float> vector, std::size_t k,
                                         const std::set<UserId>& leaves_out);
  // The mean vectors that cohort queries begin with; empty without users.
  std::vector<float> mean_vector(const storage::TenantScope& scope, std::span<const UserId> users);
  std::vector<float> mean_vector(const storage::TenantScope& scope, const PersonaId& persona);

  // The likeliest values of a feature in the user's next event, by the loaded encoder. Waits until
  // the state is there, at most `wait`. Empty: nothing is known of him.
  // Errors: kNotFound for a feature without names; kDeadlineExceeded; those of the stores.
  Result<std::vector<ExpectedValue>> next_values(const storage::Scope& scope,
                                                 const std::string& feature, std::size_t k,
                                                 std::chrono::milliseconds wait);

  std::string served_version(const storage::TenantScope& scope) const;

  // Runs until every user is up to date that was behind when it was called; for tests and commands.
  // REQUIRES: start() was not called.
  Status run_once();

 private:
  struct Tenant {
    std::string served;
    std::shared_ptr<VectorIndex> index;
    std::shared_ptr<const PersonaMeans> means;
    std::chrono::steady_clock::time_point loaded_at;
  };
  using Job = std::function<void()>;

  void run();
  bool is_stopping() const;
  // False if the queue is full or the thread is ending.
  bool post(Job job);
  bool has_thread() const;
  // Runs what waits; then waits until `until`, for work or a scan that was asked for.
  void run_jobs_until(std::chrono::steady_clock::time_point until, bool ends_at_wake);
  Status scan();
  Result<storage::EmbeddingCoverage> scan_tenant(const storage::TenantScope& scope);
  Status refresh_stale(const storage::TenantScope& scope);
  // Chooses anew what is served; returns how far the encoder has come.
  Result<storage::EmbeddingCoverage> choose_served(const storage::TenantScope& scope);
  bool should_load(const storage::TenantScope& scope, const Tenant& tenant) const;
  Status load(const storage::TenantScope& scope, const std::string& version);
  Result<Refreshed> refresh(const storage::Scope& scope);
  std::optional<Tenant> tenant_of(const storage::TenantScope& scope) const;
  Result<std::optional<storage::EmbeddingRow>> refresh_within_wait(const storage::Scope& scope);
  Result<std::optional<ServedEmbedding>> mean_for(const storage::Scope& scope);

  storage::StoreSet& stores_;
  const std::unique_ptr<EventEncoder> encoder_;
  const std::string version_;
  const base::Clock& clock_;
  const EmbeddingServiceOptions options_;
  EmbeddingObserver* const observer_;
  UserEmbedder embedder_;  // the thread's alone

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  std::deque<Job> jobs_;
  bool is_started_ = false;
  bool is_stopping_ = false;
  bool wants_scan_ = true;
  std::map<TenantId, Tenant> tenants_;
  // The thread's alone: whose means are behind what is stored.
  std::set<TenantId> needs_load_;

  std::thread thread_;
};

// Which version is served of a tenant whose rows by version are `counts`: the encoder's once it has
// embedded all of `coverage`, or where there is no other; else the other one with the most rows.
std::string choose_version(const std::map<std::string, std::int64_t>& counts,
                           const std::string& encoder, const storage::EmbeddingCoverage& coverage);

}  // namespace kith::timeline
