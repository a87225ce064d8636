#include "kith/timeline/embedding_service.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <utility>

#include "kith/base/log.h"

namespace kith::timeline {
namespace {

using storage::EmbeddedUser;
using storage::EmbeddingCoverage;
using storage::EmbeddingRow;
using storage::Scope;
using storage::TenantScope;
using Steady = std::chrono::steady_clock;

// Rows that one read of the store gives.
constexpr std::size_t kPage = 256;
// Answers that wait for a user's embedding; more take what is stored.
constexpr std::size_t kMaxJobs = 256;

// Means of more users than these are taken anew at most so often: all rows are read for that.
constexpr std::size_t kFewUsers = 5000;
constexpr std::chrono::minutes kLoadEvery{10};

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

}  // namespace

std::string choose_version(const std::map<std::string, std::int64_t>& counts,
                           const std::string& encoder, const EmbeddingCoverage& coverage) {
  std::string other;
  std::int64_t most = 0;
  for (const auto& [version, count] : counts) {
    if (version == encoder || count <= most) continue;
    other = version;
    most = count;
  }
  const bool covers_all = coverage.num_embedded == coverage.num_users;
  return other.empty() || (covers_all && coverage.num_users > 0) ? encoder : other;
}

EmbeddingService::EmbeddingService(storage::StoreSet& stores, std::unique_ptr<EventEncoder> encoder,
                                   const base::Clock& clock, Compute compute,
                                   const EmbeddingServiceOptions& options,
                                   EmbeddingObserver* observer)
    : stores_(stores),
      encoder_(std::move(encoder)),
      version_(encoder_->version()),
      clock_(clock),
      options_(options),
      observer_(observer),
      embedder_(stores_, *encoder_, clock_, std::move(compute),
                {.max_states = options.max_states, .goes_on = [this] { return !is_stopping(); }}) {}

EmbeddingService::~EmbeddingService() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool EmbeddingService::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return is_stopping_;
}

bool EmbeddingService::has_thread() const {
  const std::lock_guard lock(mutex_);
  return is_started_;
}

Status EmbeddingService::start() {
  KITH_ASSIGN_OR_RETURN(const auto tenants, stores_.embeddings().tenants());
  for (const TenantId& tenant : tenants) {
    KITH_RETURN_IF_ERROR(choose_served(TenantScope{tenant}));
  }
  {
    const std::lock_guard lock(mutex_);
    is_started_ = true;
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

std::vector<std::string> EmbeddingService::nameable_features() const {
  std::vector<std::string> names;
  for (const FeatureSpec& feature : encoder_->map().schema().features) {
    if (feature.kind == FeatureKind::kCategory && feature.predict > 0.0) {
      names.push_back(feature.name);
    }
  }
  return names;
}

void EmbeddingService::wake() {
  {
    const std::lock_guard lock(mutex_);
    wants_scan_ = true;
  }
  changed_.notify_all();
}

bool EmbeddingService::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_ || !is_started_ || jobs_.size() >= kMaxJobs) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
  return true;
}

void EmbeddingService::forget(const Scope& scope) {
  const auto done = std::make_shared<std::promise<void>>();
  auto future = done->get_future();
  const bool is_posted = post([this, scope, done] {
    embedder_.forget(scope);
    needs_load_.insert(scope.tenant);
    done->set_value();
  });
  if (const auto tenant = tenant_of(scope.tenant_scope())) tenant->index->remove(scope.user);
  // Bounded: a row that comes back meanwhile is seen by the next scan.
  if (is_posted) future.wait_for(std::chrono::seconds(2));
  wake();
}

void EmbeddingService::run_jobs_until(Steady::time_point until, bool ends_at_wake) {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (!jobs_.empty()) {
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
      continue;
    }
    if ((ends_at_wake && wants_scan_) || Steady::now() >= until) return;
    changed_.wait_until(lock, until);
  }
}

void EmbeddingService::run() {
  while (!is_stopping()) {
    {
      const std::lock_guard lock(mutex_);
      wants_scan_ = false;
    }
    if (const Status status = scan(); !status && status.error().code != ErrorCode::kCancelled) {
      base::log_warn("user embeddings: " + status.error().message);
    }
    run_jobs_until(Steady::now() + options_.scan_every, true);
  }
}

Status EmbeddingService::run_once() { return scan(); }

Status EmbeddingService::scan() {
  KITH_ASSIGN_OR_RETURN(const auto tenants, stores_.embeddings().tenants());
  EmbeddingCoverage total;
  for (const TenantId& tenant : tenants) {
    KITH_ASSIGN_OR_RETURN(const auto coverage, scan_tenant(TenantScope{tenant}));
    total.num_users += coverage.num_users;
    total.num_embedded += coverage.num_embedded;
    total.num_current += coverage.num_current;
  }
  if (observer_ != nullptr) observer_->set_coverage(total);
  return {};
}

Result<EmbeddingCoverage> EmbeddingService::scan_tenant(const TenantScope& scope) {
  KITH_ASSIGN_OR_RETURN(const std::int64_t refused, stores_.embeddings().remove_refused(scope));
  if (refused > 0) needs_load_.insert(scope.tenant);
  if (!tenant_of(scope)) KITH_RETURN_IF_ERROR(choose_served(scope));
  KITH_RETURN_IF_ERROR(refresh_stale(scope));
  return choose_served(scope);
}

Status EmbeddingService::refresh_stale(const TenantScope& scope) {
  const auto step = std::chrono::duration_cast<Steady::duration>(
      std::chrono::duration<double>(1.0 / options_.users_per_second));
  UserId last;
  while (!is_stopping()) {
    KITH_ASSIGN_OR_RETURN(const auto users,
                          stores_.embeddings().stale(scope, version_, last, kPage));
    if (users.empty()) return {};
    for (const UserId& user : users) {
      const auto next = Steady::now() + step;
      const auto refreshed = refresh(Scope{scope.tenant, user});
      if (is_stopping()) return {};
      // One user's trouble is not another's; the next scan tries again.
      if (!refreshed) base::log_warn("a user's embedding: " + refreshed.error().message);
      if (has_thread()) run_jobs_until(next, false);
    }
    last = users.back();
  }
  return {};
}

Result<Refreshed> EmbeddingService::refresh(const Scope& scope) {
  const auto start = Steady::now();
  auto refreshed = embedder_.refresh(scope);
  if (!refreshed) {
    if (observer_ != nullptr && !is_stopping()) observer_->on_failed();
    return refreshed;
  }
  if (observer_ != nullptr) observer_->on_refreshed(refreshed->kind, seconds_since(start));
  const auto tenant = tenant_of(scope.tenant_scope());
  if (!tenant || tenant->served != version_) return refreshed;
  if (refreshed->kind == RefreshKind::kNothing) {
    tenant->index->remove(scope.user);
  } else if (refreshed->kind != RefreshKind::kCurrent) {
    KITH_ASSIGN_OR_RETURN(const auto changes, stores_.personas().changes(scope));
    tenant->index->put(scope.user, changes.empty() ? PersonaId() : changes.back().to,
                       refreshed->row->vector);
    needs_load_.insert(scope.tenant);  // for the means
  }
  return refreshed;
}

bool EmbeddingService::should_load(const TenantScope& scope, const Tenant& tenant) const {
  if (!needs_load_.contains(scope.tenant)) return false;
  return tenant.index->size() <= kFewUsers || Steady::now() - tenant.loaded_at >= kLoadEvery;
}

Result<EmbeddingCoverage> EmbeddingService::choose_served(const TenantScope& scope) {
  KITH_ASSIGN_OR_RETURN(const auto counts, stores_.embeddings().versions(scope));
  KITH_ASSIGN_OR_RETURN(const auto coverage, stores_.embeddings().coverage(scope, version_));
  const std::string chosen = choose_version(counts, version_, coverage);
  const auto before = tenant_of(scope);
  if (!before || before->served != chosen || should_load(scope, *before)) {
    if (before && before->served != chosen) {
      base::log_info("user embeddings: version " + chosen + " has embedded everybody and serves");
    }
    KITH_RETURN_IF_ERROR(load(scope, chosen));
    needs_load_.erase(scope.tenant);
  }
  while (chosen == version_ && !is_stopping()) {
    KITH_ASSIGN_OR_RETURN(const std::int64_t removed,
                          stores_.embeddings().remove_others(scope, version_, kPage));
    if (removed == 0) break;
  }
  return coverage;
}

// Into a new index, so that searches meanwhile see the one before, whole.
Status EmbeddingService::load(const TenantScope& scope, const std::string& version) {
  std::shared_ptr<VectorIndex> index;
  auto means = std::make_shared<PersonaMeans>(options_.min_mean_users);
  UserId last;
  while (!is_stopping()) {
    KITH_ASSIGN_OR_RETURN(const std::vector<EmbeddedUser> users,
                          stores_.embeddings().page(scope, version, last, kPage));
    for (const EmbeddedUser& user : users) {
      const auto& vector = user.embedding.vector;
      if (!index) index = std::make_shared<VectorIndex>(vector.size());
      if (vector.size() != index->width()) continue;
      index->put(user.user, user.persona, vector);
      means->add(user);
    }
    if (users.size() < kPage) break;
    last = users.back().user;
  }
  if (!index) index = std::make_shared<VectorIndex>(static_cast<std::size_t>(encoder_->width()));
  const std::lock_guard lock(mutex_);
  tenants_[scope.tenant] = {version, std::move(index), std::move(means), Steady::now()};
  return {};
}

std::optional<EmbeddingService::Tenant> EmbeddingService::tenant_of(
    const TenantScope& scope) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(scope.tenant);
  return found == tenants_.end() ? std::nullopt : std::optional<Tenant>(found->second);
}

std::string EmbeddingService::served_version(const TenantScope& scope) const {
  const auto tenant = tenant_of(scope);
  return tenant ? tenant->served : version_;
}

Result<std::optional<EmbeddingRow>> EmbeddingService::refresh_within_wait(const Scope& scope) {
  using Answer = Result<Refreshed>;
  const auto done = std::make_shared<std::promise<Answer>>();
  auto future = done->get_future();
  const bool is_posted = post([this, scope, done] { done->set_value(refresh(scope)); });
  if (!is_posted || future.wait_for(options_.answer_wait) != std::future_status::ready) {
    return std::optional<EmbeddingRow>{};
  }
  KITH_ASSIGN_OR_RETURN(Refreshed refreshed, future.get());
  return std::move(refreshed.row);
}

Result<std::optional<ServedEmbedding>> EmbeddingService::mean_for(const Scope& scope) {
  const auto tenant = tenant_of(scope.tenant_scope());
  if (!tenant) return std::optional<ServedEmbedding>{};
  KITH_ASSIGN_OR_RETURN(const auto changes, stores_.personas().changes(scope));
  const PersonaId persona = changes.empty() ? PersonaId() : changes.back().to;
  auto mean = tenant->means->find(persona);
  if (!mean) return std::optional<ServedEmbedding>{};
  ServedEmbedding served;
  served.row.version = tenant->served;
  served.row.made_at = clock_.now();
  served.row.vector = std::move(mean->vector);
  served.row.latents = std::move(mean->latents);
  served.row.num_latents = mean->num_latents;
  served.num_mean_users = mean->num_users;
  served.is_of_persona = mean->is_of_persona;
  if (mean->is_of_persona) served.mean_persona = persona;
  return std::optional<ServedEmbedding>(std::move(served));
}

Result<std::optional<ServedEmbedding>> EmbeddingService::find(const Scope& scope) {
  KITH_ASSIGN_OR_RETURN(const bool may, stores_.consents().allows(scope, storage::kConsentLearn));
  if (!may) return std::optional<ServedEmbedding>{};
  KITH_ASSIGN_OR_RETURN(const auto head, stores_.timelines().head(scope));
  if (!head) return mean_for(scope);
  const std::string served = served_version(scope.tenant_scope());
  KITH_ASSIGN_OR_RETURN(auto row, stores_.embeddings().find(scope, served));
  if (served == version_ && (!row || row->head != *head)) {
    auto fresh = refresh_within_wait(scope);
    // What is stored is better than nothing.
    if (fresh && *fresh) row = *std::move(fresh);
  }
  if (!row) return mean_for(scope);
  const bool is_current = row->head == *head;
  return std::optional<ServedEmbedding>(
      ServedEmbedding{.row = *std::move(row), .is_current = is_current});
}

Result<std::vector<Neighbour>> EmbeddingService::nearest(const TenantScope& scope,
                                                         std::span<const float> vector,
                                                         std::size_t k,
                                                         const std::set<UserId>& leaves_out) {
  std::vector<Neighbour> neighbours;
  const auto tenant = tenant_of(scope);
  if (!tenant || tenant->index->width() != vector.size()) return neighbours;
  // The index may be a scan behind: who was erased or refused since is nobody's neighbour.
  std::set<UserId> gone = leaves_out;
  while (true) {
    neighbours = tenant->index->nearest(
        vector, k, [&gone](const UserId& user) { return !gone.contains(user); });
    const std::size_t before = gone.size();
    for (const Neighbour& neighbour : neighbours) {
      const Scope user{scope.tenant, neighbour.user};
      KITH_ASSIGN_OR_RETURN(const bool may,
                            stores_.consents().allows(user, storage::kConsentLearn));
      KITH_ASSIGN_OR_RETURN(const auto head, stores_.timelines().head(user));
      if (!may || !head) gone.insert(neighbour.user);
    }
    if (gone.size() == before) return neighbours;
  }
}

std::vector<float> EmbeddingService::mean_vector(const TenantScope& scope,
                                                 std::span<const UserId> users) {
  const auto tenant = tenant_of(scope);
  return tenant ? tenant->index->mean(users) : std::vector<float>();
}

std::vector<float> EmbeddingService::mean_vector(const TenantScope& scope,
                                                 const PersonaId& persona) {
  const auto tenant = tenant_of(scope);
  return tenant ? tenant->index->mean(persona) : std::vector<float>();
}

namespace {

// Of the values alone: missing and unknown have no names.
std::vector<ExpectedValue> likeliest(const std::vector<float>& scores, const FeatureMap& map,
                                     std::size_t feature, std::size_t k) {
  std::vector<ExpectedValue> values;
  const float most = *std::max_element(scores.begin(), scores.end());
  double total = 0.0;
  for (const float score : scores) total += std::exp(static_cast<double>(score - most));
  for (std::size_t id = kFirstValue; id < scores.size(); ++id) {
    values.push_back({std::string(map.value(feature, static_cast<std::int32_t>(id))),
                      std::exp(static_cast<double>(scores[id] - most)) / total});
  }
  k = std::min(k, values.size());
  std::partial_sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k), values.end(),
                    [](const auto& a, const auto& b) {
                      return a.probability != b.probability ? a.probability > b.probability
                                                            : a.value < b.value;
                    });
  values.resize(k);
  return values;
}

}  // namespace

Result<std::vector<ExpectedValue>> EmbeddingService::next_values(const Scope& scope,
                                                                 const std::string& feature,
                                                                 std::size_t k,
                                                                 std::chrono::milliseconds wait) {
  const auto names = nameable_features();
  if (std::find(names.begin(), names.end(), feature) == names.end()) {
    return Error{ErrorCode::kNotFound, "the encoder predicts no feature of that name"};
  }
  KITH_ASSIGN_OR_RETURN(const std::size_t index, encoder_->map().find(feature));
  using Answer = Result<std::optional<std::vector<float>>>;
  const auto done = std::make_shared<std::promise<Answer>>();
  auto future = done->get_future();
  const bool is_posted =
      post([this, scope, index, done] { done->set_value(embedder_.next_scores(scope, index)); });
  if (!is_posted) return Error{ErrorCode::kOverloaded, "too many wait for the user encoder"};
  if (future.wait_for(wait) != std::future_status::ready) {
    return Error{ErrorCode::kDeadlineExceeded, "the user's events are still being read"};
  }
  KITH_ASSIGN_OR_RETURN(const auto scores, future.get());
  if (!scores) return std::vector<ExpectedValue>{};
  return likeliest(*scores, encoder_->map(), index, k);
}

}  // namespace kith::timeline
