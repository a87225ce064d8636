// All stores of one backend. `runtime` owns one; modules borrow the stores they need.
#pragma once

#include <functional>

#include "kith/storage/adapter_version_store.h"
#include "kith/storage/conversation_store.h"
#include "kith/storage/decision_store.h"
#include "kith/storage/embedding_store.h"
#include "kith/storage/event_store.h"
#include "kith/storage/fleet_store.h"
#include "kith/storage/key_store.h"
#include "kith/storage/knowledge_store.h"
#include "kith/storage/timeline_store.h"
#include "kith/storage/user_store.h"

namespace kith::storage {

// Thread-safe. The references live as long as the set.
class StoreSet {
 public:
  virtual ~StoreSet() = default;

  // Runs `work` on the calling thread. What that thread writes through this set meanwhile is
  // committed together at the end, or not at all if `work` fails, and its reads see it. A call that
  // fails takes back what it wrote itself, no more. Writes of other threads wait, so a group is for
  // some hundred rows. No group in a group, and no erasure.
  // Errors: those of `work`, and of the commit.
  virtual Status group(const std::function<Status()>& work) = 0;

  virtual UserStore& users() = 0;
  virtual ConsentStore& consents() = 0;
  virtual PersonaStore& personas() = 0;
  virtual ConversationStore& conversations() = 0;
  virtual DecisionStore& decisions() = 0;
  virtual FeedbackStore& feedback() = 0;
  virtual FleetStore& fleet() = 0;
  virtual EventStore& events() = 0;
  virtual TimelineStore& timelines() = 0;
  virtual EmbeddingStore& embeddings() = 0;
  virtual KnowledgeStore& knowledge() = 0;
  virtual KeyStore& keys() = 0;
  virtual AdapterVersionStore& adapter_versions() = 0;
};

}  // namespace kith::storage
