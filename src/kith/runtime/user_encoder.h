// The user encoder of an installation: embeddings in the background (timeline/embedding_service.h),
// for answers and for the server.
#pragma once

#include <memory>

#include "kith/engine/compute_thread.h"
#include "kith/personalize/ports.h"
#include "kith/runtime/config.h"
#include "kith/runtime/held_memory.h"
#include "kith/runtime/installation.h"
#include "kith/server/metrics.h"
#include "kith/server/user_embedding_service.h"
#include "kith/timeline/embedding_service.h"
#include "kith/timeline/favourites.h"

namespace kith::runtime {

// Thread-safe.
class ServedUserEncoder final : public personalize::UserEncoder,
                                public server::UserEmbeddingService {
 public:
  // Computes on `thread`, which must outlive it; null: on a thread of its own. Borrows the rest.
  ServedUserEncoder(std::unique_ptr<timeline::EventEncoder> encoder, engine::ComputeThread* thread,
                    Installation& installation, server::Metrics& metrics,
                    const timeline::EmbeddingServiceOptions& options);
  ~ServedUserEncoder() override;

  // Begins to work in the background. Errors: those of the stores.
  Status start() { return service_.start(); }

  // Of the memories that the loaded encoder makes.
  const EncoderShape& shape() const { return shape_; }

  Result<std::optional<personalize::UserMemory>> memory_of(const storage::Scope& scope) override;

  Result<std::optional<server::UserEmbeddingView>> find(const storage::Scope& scope) override;
  Result<server::SimilarUsers> similar(const storage::Scope& scope, std::size_t k) override;
  Result<server::SimilarUsers> near_cohort(const storage::TenantScope& scope,
                                           const server::Cohort& cohort, std::size_t k) override;
  std::vector<std::string> features() const override { return service_.nameable_features(); }
  Result<std::vector<server::NextValue>> next_values(const storage::Scope& scope,
                                                     const std::string& feature,
                                                     std::size_t k) override;
  Result<server::UserMap> map(const storage::TenantScope& scope, std::size_t limit) override;
  void wake() override { service_.wake(); }
  void forget(const storage::Scope& scope) override { service_.forget(scope); }

 private:
  class Observer;

  Result<timeline::Favourites> favourites(const storage::Scope& scope) const;
  Result<std::vector<server::SimilarUser>> explain(const storage::TenantScope& scope,
                                                   const std::vector<timeline::Neighbour>& found,
                                                   const timeline::Favourites& own) const;

  storage::StoreSet& stores_;
  const timeline::TimelineSchema schema_;
  const EncoderShape shape_;
  std::unique_ptr<engine::ComputeThread> own_thread_;
  std::unique_ptr<Observer> observer_;
  timeline::EmbeddingService service_;
};

// Null if the configuration names no encoder and none was promoted, or if a promoted one cannot be
// read, which the log says.
// Errors: those of load_user_encoder() for an encoder that the settings name; those of the stores.
Result<std::unique_ptr<ServedUserEncoder>> make_user_encoder(const Config& config,
                                                             engine::ComputeThread* thread,
                                                             Installation& installation,
                                                             server::Metrics& metrics);

}  // namespace kith::runtime
