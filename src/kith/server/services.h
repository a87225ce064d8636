// What the server borrows from the rest of Kith.
#pragma once

#include <functional>
#include <memory>

#include "kith/base/clock.h"
#include "kith/memory/knowledge.h"
#include "kith/persona/assignment.h"
#include "kith/personalize/feedback.h"
#include "kith/personalize/newcomers.h"
#include "kith/personalize/persona_learner.h"
#include "kith/personalize/pipeline.h"
#include "kith/server/completion_service.h"
#include "kith/server/embedding_service.h"
#include "kith/server/metrics.h"
#include "kith/server/user_embedding_service.h"
#include "kith/server/version_service.h"
#include "kith/storage/store_set.h"

namespace kith::server {

// All must outlive the server and be thread-safe.
struct Services {
  personalize::Pipeline& pipeline;
  // The one that the pipeline uses.
  personalize::Generator& generator;
  personalize::FeedbackRecorder& feedback;
  memory::Knowledge& knowledge;
  storage::StoreSet& stores;
  // The one that the pipeline uses; null: nobody has a persona.
  std::shared_ptr<const persona::Assigner> assigner;
  Metrics& metrics;
  const base::Clock& clock;
  // Null: no embeddings are served.
  EmbeddingService* embeddings = nullptr;
  // Null: no plain completions are served.
  CompletionService* completions = nullptr;
  // Null: adapters have no versions.
  VersionService* versions = nullptr;
  // Null: nobody's persona is looked at anew when attributes change.
  personalize::PersonaLearner* learner = nullptr;
  // Null: who has never asked is in no figure.
  personalize::NewcomerPass* newcomers = nullptr;
  // Null: there is no user encoder.
  UserEmbeddingService* user_embeddings = nullptr;
  // Removes what is kept of a user outside of the stores (rows of unfinished trainings), before the
  // stores erase him; empty: there is nothing.
  std::function<Status(const storage::Scope& scope)> forget_elsewhere = {};
};

}  // namespace kith::server
