// AdapterVersionStore on SQLite. Internal to storage/sqlite.
#pragma once

#include "kith/storage/adapter_version_store.h"
#include "kith/storage/sqlite/database.h"

namespace kith::storage::sqlite {

// Borrows the database, which must outlive it.
class SqliteAdapterVersionStore final : public AdapterVersionStore {
 public:
  explicit SqliteAdapterVersionStore(Database& database) : database_(database) {}
  Status add(const AdapterVersionRow& row, std::span<const Scope> contributors) override;
  Result<int> next_version(const AdapterId& adapter) override;
  Result<std::optional<AdapterVersionRow>> find(const AdapterVersionId& id) override;
  Result<std::optional<AdapterVersionRow>> find_status(const AdapterId& adapter,
                                                       VersionStatus status) override;
  Result<std::vector<AdapterVersionRow>> list(const AdapterId& adapter) override;
  Status change(const VersionChange& change, const ChangeOptions& options) override;
  Status set_gate(const AdapterVersionId& id, const GateOutcome& gate,
                  const std::string& by) override;
  Status set_metrics(const AdapterVersionId& id, const std::string& metrics) override;
  Status set_trial(const AdapterVersionId& id, const std::string& trial) override;
  Result<bool> add_flag(const AdapterVersionId& id, const std::string& flag,
                        base::UnixMicros at) override;
  Result<std::vector<VersionThumbs>> thumbs(const AdapterId& adapter,
                                            base::UnixMicros since) override;
  Result<std::vector<ShadowAnswer>> shadows(const AdapterVersionId& id, std::size_t limit) override;
  Result<std::vector<VersionChange>> history(const AdapterId& adapter, std::size_t limit) override;
  Result<std::vector<Scope>> contributors(const AdapterVersionId& id) override;
  Result<std::vector<AdapterVersionId>> contributions(const Scope& scope) override;

 private:
  Database& database_;
};

// Part of an erasure: flags every version that the user's data is in. Before the rows that say so
// are deleted, in the same transaction.
void flag_contributions(Session& session, const Scope& scope, base::UnixMicros at);

}  // namespace kith::storage::sqlite
