// KnowledgeStore on SQLite's FTS5, and KeyStore. Internal to storage/sqlite.
#pragma once

#include "kith/storage/key_store.h"
#include "kith/storage/knowledge_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// The stores borrow the database, which must outlive them.
class SqliteKnowledgeStore final : public KnowledgeStore {
 public:
  explicit SqliteKnowledgeStore(Database& database) : database_(database) {}
  Result<WriteOutcome> put(const TenantScope& scope, const DocumentRow& document,
                           std::span<const NewChunk> chunks) override;
  Result<std::optional<DocumentRow>> find(const TenantScope& scope, const DocumentId& id) override;
  Result<std::vector<DocumentRow>> list(const TenantScope& scope, const DocumentId& after,
                                        std::size_t limit) override;
  Result<bool> erase(const TenantScope& scope, const DocumentId& id) override;
  Result<std::vector<ChunkHit>> search(const TenantScope& scope,
                                       const KnowledgeQuery& query) override;
  Result<std::vector<std::int64_t>> count_terms(const TenantScope& scope,
                                                std::span<const std::string> terms) override;

 private:
  Database& database_;
};

class SqliteKeyStore final : public KeyStore {
 public:
  explicit SqliteKeyStore(Database& database) : database_(database) {}
  Status add(const ApiKeyRow& key) override;
  Result<std::optional<ApiKeyRow>> find(const std::string& id) override;
  Result<bool> has_any() override;
  Result<std::vector<ApiKeyRow>> list(const TenantScope& scope) override;
  Result<bool> revoke(const TenantScope& scope, const std::string& id,
                      base::UnixMicros at) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
