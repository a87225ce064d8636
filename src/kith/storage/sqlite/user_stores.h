// UserStore, ConsentStore and PersonaStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/sqlite/database.h"
#include "kith/storage/user_store.h"

namespace kith::storage::sqlite {

// The stores borrow the database, which must outlive them.
class SqliteUserStore final : public UserStore {
 public:
  explicit SqliteUserStore(Database& database) : database_(database) {}
  Result<WriteOutcome> upsert(const Scope& scope, const Attributes& attributes,
                              base::UnixMicros at) override;
  Result<std::optional<UserRow>> find(const Scope& scope) override;
  Result<std::vector<UserRow>> list(const TenantScope& scope, const UserId& after,
                                    std::size_t limit) override;
  Result<EraseReceipt> erase(const Scope& scope, base::UnixMicros at) override;

 private:
  Database& database_;
};

class SqliteConsentStore final : public ConsentStore {
 public:
  explicit SqliteConsentStore(Database& database) : database_(database) {}
  Result<bool> allows(const Scope& scope, std::string_view purpose) override;
  Result<WriteOutcome> set(const Scope& scope, std::string_view purpose, bool granted,
                           base::UnixMicros at) override;
  Result<std::vector<ConsentRow>> list(const Scope& scope) override;

 private:
  Database& database_;
};

class SqlitePersonaStore final : public PersonaStore {
 public:
  explicit SqlitePersonaStore(Database& database) : database_(database) {}
  Status put(const Scope& scope, const PersonaAssignment& assignment) override;
  Result<std::optional<PersonaAssignment>> find(const Scope& scope) override;
  Result<std::vector<PersonaChange>> changes(const Scope& scope) override;
  Result<std::map<PersonaId, std::int64_t>> count_users(const TenantScope& scope) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
