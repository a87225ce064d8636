#include "kith/runtime/user_encoder.h"

#include <algorithm>
#include <future>
#include <set>
#include <utility>

#include "kith/base/log.h"
#include "kith/runtime/encoder_choice.h"
#include "kith/timeline/plane.h"

namespace kith::runtime {
namespace {

// Events that a user's favourite values are taken from, and values of each feature.
constexpr std::size_t kFavouriteEvents = 200;
constexpr std::size_t kFavourites = 5;
// A caller that asks what is next waits for a long timeline to be read.
constexpr std::chrono::seconds kNextWait{10};
constexpr std::size_t kPage = 512;

// Posts to the thread and waits.
timeline::Compute compute_on(engine::ComputeThread& thread) {
  return [&thread](const std::function<void()>& work) {
    std::promise<void> done;
    const bool is_taken = thread.post([&work, &done] {
      work();
      done.set_value();
    });
    if (is_taken) done.get_future().wait();
    return is_taken;
  };
}

std::string_view to_string(timeline::RefreshKind kind) {
  switch (kind) {
    case timeline::RefreshKind::kNothing:
      return "nothing";
    case timeline::RefreshKind::kCurrent:
      return "current";
    case timeline::RefreshKind::kCarriedOn:
      return "carried_on";
    case timeline::RefreshKind::kRebuilt:
      return "rebuilt";
  }
  return "nothing";
}

Error no_embedding() { return {ErrorCode::kNotFound, "there is no embedding to compare"}; }

}  // namespace

class ServedUserEncoder::Observer final : public timeline::EmbeddingObserver {
 public:
  explicit Observer(server::Metrics& metrics) : metrics_(metrics) {}
  void on_refreshed(timeline::RefreshKind kind, double seconds) override {
    metrics_.on_user_embedding(to_string(kind), seconds);
  }
  void on_failed() override { metrics_.on_user_embedding("failed", 0.0); }
  void set_coverage(const storage::EmbeddingCoverage& coverage) override {
    metrics_.set_user_embeddings(coverage.num_users, coverage.num_embedded, coverage.num_current);
  }

 private:
  server::Metrics& metrics_;
};

ServedUserEncoder::ServedUserEncoder(std::unique_ptr<timeline::EventEncoder> encoder,
                                     engine::ComputeThread* thread, Installation& installation,
                                     server::Metrics& metrics,
                                     const timeline::EmbeddingServiceOptions& options)
    : stores_(installation.stores()),
      schema_(encoder->map().schema()),
      shape_{encoder->num_latents(), encoder->width(), encoder->version()},
      own_thread_(thread == nullptr ? engine::make_compute_thread() : nullptr),
      observer_(std::make_unique<Observer>(metrics)),
      service_(stores_, std::move(encoder), installation.clock(),
               compute_on(thread == nullptr ? *own_thread_ : *thread), options, observer_.get()) {}

ServedUserEncoder::~ServedUserEncoder() = default;

Result<std::optional<personalize::UserMemory>> ServedUserEncoder::memory_of(
    const storage::Scope& scope) {
  KITH_ASSIGN_OR_RETURN(auto found, service_.find(scope));
  if (!found || found->row.num_latents == 0) return std::optional<personalize::UserMemory>{};
  storage::EmbeddingRow& row = found->row;
  personalize::UserMemory memory;
  memory.rows = row.num_latents;
  memory.width = static_cast<int>(row.vector.size());
  memory.latents = std::make_shared<const std::vector<float>>(std::move(row.latents));
  memory.version = std::move(row.version);
  memory.num_events = row.num_events;
  memory.at = row.made_at;
  memory.is_persona_mean = found->is_mean();
  memory.persona = std::move(found->mean_persona);
  return std::optional<personalize::UserMemory>(std::move(memory));
}

Result<std::optional<server::UserEmbeddingView>> ServedUserEncoder::find(
    const storage::Scope& scope) {
  KITH_ASSIGN_OR_RETURN(auto found, service_.find(scope));
  if (!found) return std::optional<server::UserEmbeddingView>{};
  server::UserEmbeddingView view;
  view.version = std::move(found->row.version);
  view.num_events = found->row.num_events;
  if (!found->is_mean()) view.last_event_at = found->row.head.last.at;
  view.made_at = found->row.made_at;
  view.vector = std::move(found->row.vector);
  view.num_latents = found->row.num_latents;
  view.is_current = found->is_current;
  view.num_mean_users = found->num_mean_users;
  view.is_of_persona = found->is_of_persona;
  return std::optional<server::UserEmbeddingView>(std::move(view));
}

Result<timeline::Favourites> ServedUserEncoder::favourites(const storage::Scope& scope) const {
  KITH_ASSIGN_OR_RETURN(const auto events, stores_.timelines().newest(scope, {}, kFavouriteEvents));
  return timeline::favourites_of(events, schema_, kFavourites);
}

Result<std::vector<server::SimilarUser>> ServedUserEncoder::explain(
    const storage::TenantScope& scope, const std::vector<timeline::Neighbour>& found,
    const timeline::Favourites& own) const {
  std::vector<server::SimilarUser> users;
  for (const timeline::Neighbour& neighbour : found) {
    KITH_ASSIGN_OR_RETURN(const auto theirs,
                          favourites(storage::Scope{scope.tenant, neighbour.user}));
    users.push_back({neighbour.user, neighbour.persona, static_cast<double>(neighbour.cosine),
                     timeline::shared(own, theirs)});
  }
  return users;
}

Result<server::SimilarUsers> ServedUserEncoder::similar(const storage::Scope& scope,
                                                        std::size_t k) {
  KITH_ASSIGN_OR_RETURN(const auto own, service_.find(scope));
  if (!own) return no_embedding();
  KITH_ASSIGN_OR_RETURN(const auto found,
                        service_.nearest(scope.tenant_scope(), own->row.vector, k, {scope.user}));
  KITH_ASSIGN_OR_RETURN(const auto reasons, favourites(scope));
  KITH_ASSIGN_OR_RETURN(auto users, explain(scope.tenant_scope(), found, reasons));
  return server::SimilarUsers{own->row.version, own->is_mean(), std::move(users)};
}

Result<server::SimilarUsers> ServedUserEncoder::near_cohort(const storage::TenantScope& scope,
                                                            const server::Cohort& cohort,
                                                            std::size_t k) {
  // Who refuses to be learned from counts in no mean.
  std::vector<UserId> members;
  for (const UserId& user : cohort.users) {
    KITH_ASSIGN_OR_RETURN(const bool may,
                          stores_.consents().allows({scope.tenant, user}, storage::kConsentLearn));
    if (may) members.push_back(user);
  }
  const std::vector<float> mean = cohort.persona.empty()
                                      ? service_.mean_vector(scope, members)
                                      : service_.mean_vector(scope, cohort.persona);
  if (mean.empty()) return no_embedding();
  const std::set<UserId> named(cohort.users.begin(), cohort.users.end());
  KITH_ASSIGN_OR_RETURN(const auto found, service_.nearest(scope, mean, k, named));
  std::vector<storage::PlacedEvent> events;
  for (const UserId& user : members) {
    KITH_ASSIGN_OR_RETURN(const auto own,
                          stores_.timelines().newest({scope.tenant, user}, {}, kFavouriteEvents));
    events.insert(events.end(), own.begin(), own.end());
  }
  KITH_ASSIGN_OR_RETURN(
      auto users, explain(scope, found, timeline::favourites_of(events, schema_, kFavourites)));
  return server::SimilarUsers{service_.served_version(scope), true, std::move(users)};
}

Result<std::vector<server::NextValue>> ServedUserEncoder::next_values(const storage::Scope& scope,
                                                                      const std::string& feature,
                                                                      std::size_t k) {
  KITH_ASSIGN_OR_RETURN(const auto expected, service_.next_values(scope, feature, k, kNextWait));
  std::vector<server::NextValue> values;
  for (const auto& one : expected) values.push_back({one.value, one.probability});
  return values;
}

Result<server::UserMap> ServedUserEncoder::map(const storage::TenantScope& scope,
                                               std::size_t limit) {
  server::UserMap map;
  map.version = service_.served_version(scope);
  KITH_ASSIGN_OR_RETURN(const auto counts, stores_.embeddings().versions(scope));
  const auto count = counts.find(map.version);
  map.num_users = count == counts.end() ? 0 : count->second;
  std::vector<float> vectors;
  std::size_t width = 0;
  UserId last;
  while (map.points.size() < limit) {
    KITH_ASSIGN_OR_RETURN(const auto page,
                          stores_.embeddings().page(scope, map.version, last,
                                                    std::min(kPage, limit - map.points.size())));
    if (page.empty()) break;
    for (const storage::EmbeddedUser& user : page) {
      const auto& vector = user.embedding.vector;
      if (width == 0) width = vector.size();
      if (vector.size() != width) continue;
      vectors.insert(vectors.end(), vector.begin(), vector.end());
      map.points.push_back({user.user, user.persona, {}});
    }
    last = page.back().user;
  }
  if (map.points.empty()) return map;
  const auto places = timeline::project_on_plane(vectors, width);
  for (std::size_t i = 0; i < places.size(); ++i) map.points[i].place = places[i];
  return map;
}

namespace {

// Null where none serves.
Result<std::unique_ptr<timeline::EventEncoder>> open_encoder(const Config& config,
                                                             Installation& installation) {
  const auto& settings = config.user_encoder;
  KITH_ASSIGN_OR_RETURN(const auto directory, find_user_encoder(installation, settings.directory));
  if (directory.empty()) return std::unique_ptr<timeline::EventEncoder>();
  return load_user_encoder(directory, settings.text_encoder, installation.clock(),
                           {.threads = settings.threads, .max_states = settings.max_states});
}

}  // namespace

Result<std::unique_ptr<ServedUserEncoder>> make_user_encoder(const Config& config,
                                                             engine::ComputeThread* thread,
                                                             Installation& installation,
                                                             server::Metrics& metrics) {
  const auto& settings = config.user_encoder;
  auto encoder = open_encoder(config, installation);
  if (!encoder && !settings.directory.empty()) {
    return std::move(encoder).error().with_context("user_encoder.directory");
  }
  if (!encoder) {
    // As with adapters' versions: answers go on without.
    base::log_error("the user encoder was left out: " + encoder.error().message);
    return std::unique_ptr<ServedUserEncoder>();
  }
  if (*encoder == nullptr) return std::unique_ptr<ServedUserEncoder>();
  timeline::EmbeddingServiceOptions options;
  options.max_states = settings.max_states;
  options.users_per_second = settings.users_per_second;
  options.answer_wait = std::chrono::milliseconds(settings.answer_wait_ms);
  options.min_mean_users = settings.min_mean_users;
  auto served = std::make_unique<ServedUserEncoder>(*std::move(encoder), thread, installation,
                                                    metrics, options);
  KITH_RETURN_IF_ERROR(served->start());
  return served;
}

}  // namespace kith::runtime
