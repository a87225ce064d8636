// EmbeddingStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/embedding_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// Borrows the database, which must outlive it.
class SqliteEmbeddingStore final : public EmbeddingStore {
 public:
  explicit SqliteEmbeddingStore(Database& database) : database_(database) {}
  Result<bool> put(const Scope& scope, const EmbeddingRow& row) override;
  Result<std::optional<EmbeddingRow>> find(const Scope& scope, const std::string& version) override;
  Result<std::vector<EmbeddingRow>> list(const Scope& scope) override;
  Result<std::vector<EmbeddedUser>> page(const TenantScope& scope, const std::string& version,
                                         const UserId& after, std::size_t limit) override;
  Result<std::vector<UserId>> stale(const TenantScope& scope, const std::string& version,
                                    const UserId& after, std::size_t limit) override;
  Result<EmbeddingCoverage> coverage(const TenantScope& scope, const std::string& version) override;
  Result<std::map<std::string, std::int64_t>> versions(const TenantScope& scope) override;
  Result<std::vector<TenantId>> tenants() override;
  Result<std::int64_t> remove_others(const TenantScope& scope, const std::string& version,
                                     std::size_t limit) override;
  Result<std::int64_t> remove_refused(const TenantScope& scope) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
