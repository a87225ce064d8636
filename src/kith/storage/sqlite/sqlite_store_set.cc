#include "kith/storage/sqlite/sqlite_store_set.h"

#include "kith/storage/sqlite/adapter_version_store.h"
#include "kith/storage/sqlite/conversation_store.h"
#include "kith/storage/sqlite/database.h"
#include "kith/storage/sqlite/decision_stores.h"
#include "kith/storage/sqlite/embedding_store.h"
#include "kith/storage/sqlite/event_store.h"
#include "kith/storage/sqlite/fleet_store.h"
#include "kith/storage/sqlite/knowledge_store.h"
#include "kith/storage/sqlite/timeline_store.h"
#include "kith/storage/sqlite/user_stores.h"

namespace kith::storage {
namespace {

class SqliteStoreSet final : public StoreSet {
 public:
  explicit SqliteStoreSet(std::unique_ptr<sqlite::Database> database)
      : database_(std::move(database)) {}

  Status group(const std::function<Status()>& work) override { return database_->group(work); }

  UserStore& users() override { return users_; }
  ConsentStore& consents() override { return consents_; }
  PersonaStore& personas() override { return personas_; }
  ConversationStore& conversations() override { return conversations_; }
  DecisionStore& decisions() override { return decisions_; }
  FeedbackStore& feedback() override { return feedback_; }
  FleetStore& fleet() override { return fleet_; }
  EventStore& events() override { return events_; }
  TimelineStore& timelines() override { return timelines_; }
  EmbeddingStore& embeddings() override { return embeddings_; }
  KnowledgeStore& knowledge() override { return knowledge_; }
  KeyStore& keys() override { return keys_; }
  AdapterVersionStore& adapter_versions() override { return adapter_versions_; }

 private:
  std::unique_ptr<sqlite::Database> database_;
  sqlite::SqliteUserStore users_{*database_};
  sqlite::SqliteConsentStore consents_{*database_};
  sqlite::SqlitePersonaStore personas_{*database_};
  sqlite::SqliteConversationStore conversations_{*database_};
  sqlite::SqliteDecisionStore decisions_{*database_};
  sqlite::SqliteFeedbackStore feedback_{*database_};
  sqlite::SqliteFleetStore fleet_{*database_};
  sqlite::SqliteEventStore events_{*database_};
  sqlite::SqliteTimelineStore timelines_{*database_};
  sqlite::SqliteEmbeddingStore embeddings_{*database_};
  sqlite::SqliteKnowledgeStore knowledge_{*database_};
  sqlite::SqliteKeyStore keys_{*database_};
  sqlite::SqliteAdapterVersionStore adapter_versions_{*database_};
};

}  // namespace

Result<std::unique_ptr<StoreSet>> open_sqlite(const std::filesystem::path& file,
                                              const SqliteOptions& options) {
  KITH_ASSIGN_OR_RETURN(auto database, sqlite::Database::open(file, options));
  return std::unique_ptr<StoreSet>(std::make_unique<SqliteStoreSet>(std::move(database)));
}

}  // namespace kith::storage
