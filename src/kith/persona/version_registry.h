// The registry of adapter versions: what is registered, what serves, and who changed that.
//
// A version's files are immutable and its row is the truth, written in one transaction: a process
// killed at any moment leaves either the former state or the new one. Decision and comparison with
// other registries: docs/adr/0019-adapter-versions.md.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/adapter_version_store.h"

namespace kith::persona {

// A PEFT directory on its way into the registry.
struct NewVersion {
  AdapterId adapter;
  std::filesystem::path source;
  std::string by;
  std::string reason;
  std::vector<std::string> parents;
  std::string base_hash;
  std::string data_hash;
  std::string recipe_hash;
  std::string metrics = "{}";  // JSON object
  std::vector<storage::Scope> contributors;
};

// Who asks for a change, and why.
struct ChangeOrder {
  std::string by;
  std::string reason;
};

// Called between the check of a change and its transaction, and may refuse it: a server makes the
// version ready to serve here.
using Prepare = std::function<Status(const storage::AdapterVersionRow& version)>;

// Thread-safe. One process at a time works on a data directory (storage::DataDirectory).
class VersionRegistry {
 public:
  // The store and the clock are borrowed.
  VersionRegistry(storage::AdapterVersionStore& store, std::filesystem::path data_dir,
                  const base::Clock& clock);

  // Copies the files and registers them as the adapter's next version, a candidate.
  // Errors: those of write_version_files() and check_adapter_name(); of the store.
  Result<storage::AdapterVersionRow> add(const NewVersion& version);

  // Errors: kNotFound.
  Result<storage::AdapterVersionRow> find(const storage::AdapterVersionId& id) const;
  // Newest first; of all adapters for an empty id.
  Result<std::vector<storage::AdapterVersionRow>> list(const AdapterId& adapter) const;
  Result<std::optional<storage::AdapterVersionRow>> find_serving(const AdapterId& adapter) const;
  // The versions that serve, are canary or shadow, of all adapters.
  Result<std::vector<storage::AdapterVersionRow>> list_live() const;

  // Lets a version serve whose gate has passed; the one that served is retired.
  // Errors: kNotFound; kConflict if its gate has not passed, its files have changed, its status
  //   does not allow it, or it serves already; those of `prepare`.
  Result<storage::AdapterVersionRow> promote(const storage::AdapterVersionId& id,
                                             const ChangeOrder& order, const Prepare& prepare = {});
  // Back to the version that served before the one that serves now, byte for byte. What it goes
  // back from is withdrawn: a second rollback goes further back.
  // Errors: kNotFound if no version serves or none served before; kConflict as above.
  Result<storage::AdapterVersionRow> rollback(const AdapterId& adapter, const ChangeOrder& order,
                                              const Prepare& prepare = {});
  // Lets a version whose gate has passed answer a share of the users, (0, 1]: as their answer
  // (kCanary) or unseen beside it (kShadow).
  // Errors: as promote(); kInvalidArgument for another status or a share out of range.
  Result<storage::AdapterVersionRow> try_on(const storage::AdapterVersionId& id,
                                            storage::VersionStatus as, double share,
                                            const ChangeOrder& order, const Prepare& prepare = {});
  // Takes a version out. If it serves, nothing does afterwards: the model's own adapter answers.
  // Errors: kNotFound; kConflict if it is withdrawn already.
  Result<storage::AdapterVersionRow> withdraw(const storage::AdapterVersionId& id,
                                              const ChangeOrder& order);

  // Where the files are, once they are found to be those that were registered.
  // Errors: kConflict if they are not.
  Result<std::filesystem::path> verified_path(const storage::AdapterVersionRow& row) const;

  // Removes directories that no row knows: what stopped registrations left. Returns how many.
  Result<int> sweep();

  storage::AdapterVersionStore& store() { return store_; }

 private:
  Result<storage::AdapterVersionRow> move(const storage::AdapterVersionRow& row,
                                          storage::VersionStatus to,
                                          const storage::ChangeOptions& options,
                                          const ChangeOrder& order, const Prepare& prepare);
  Result<storage::AdapterVersionId> find_former(const AdapterId& adapter,
                                                const storage::AdapterVersionRow& serving) const;

  storage::AdapterVersionStore& store_;
  const std::filesystem::path data_dir_;
  const base::Clock& clock_;
  // Held by what changes a version, so that numbers, files and rows agree.
  std::mutex mutex_;
};

}  // namespace kith::persona
