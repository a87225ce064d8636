// DecisionStore and FeedbackStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/decision_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// The stores borrow the database, which must outlive them.
class SqliteDecisionStore final : public DecisionStore {
 public:
  explicit SqliteDecisionStore(Database& database) : database_(database) {}
  Status put(const Scope& scope, const DecisionRow& decision) override;
  Result<std::optional<DecisionRow>> find(const Scope& scope, const DecisionId& id) override;
  Result<std::optional<DecisionRow>> find_completion(const Scope& scope,
                                                     const std::string& completion) override;
  Result<std::optional<DecisionRow>> find_in_tenant(const TenantScope& scope,
                                                    const DecisionId& id) override;
  Result<std::vector<DecisionRow>> list(const Scope& scope, std::size_t limit) override;
  Result<bool> set_shadow(const Scope& scope, const DecisionId& id,
                          const std::string& shadow) override;

 private:
  Database& database_;
};

class SqliteFeedbackStore final : public FeedbackStore {
 public:
  explicit SqliteFeedbackStore(Database& database) : database_(database) {}
  Result<bool> add(const Scope& scope, const FeedbackRow& feedback) override;
  Result<std::vector<FeedbackRow>> list_decision(const Scope& scope,
                                                 const DecisionId& decision) override;
  Result<std::vector<FeedbackRow>> list(const Scope& scope, std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace kith::storage::sqlite
