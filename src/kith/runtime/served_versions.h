// The versions of adapters in a running server: loads what serves and what is tried on over the
// model's own adapters, changes over in one step, and withdraws a canary that does harm. Without a
// model it is the registry alone.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kith/engine/adapter_registry.h"
#include "kith/persona/version_registry.h"
#include "kith/personalize/adapter_versions.h"
#include "kith/runtime/installation.h"
#include "kith/server/version_service.h"

namespace kith::runtime {

// Thread-safe. What serves is found under the adapter's own name, a canary or shadow under
// "name@version".
class ServedVersions final : public personalize::AdapterVersions, public server::VersionService {
 public:
  // Both are borrowed. Loads what is live; a version that does not load, or whose files have
  // changed, is logged and left out, and the model's own adapter of that name stays.
  //   adapters: null without a model of our own
  static Result<std::unique_ptr<ServedVersions>> create(Installation& installation,
                                                        engine::AdapterRegistry* adapters);

  // personalize::AdapterVersions
  AdapterId choose(const storage::Scope& scope, const AdapterId& adapter) const override;
  int version_of(const AdapterId& loaded, const std::string& fingerprint) const override;
  void on_thumb(const storage::DecisionRow& decision, double value) override;
  AdapterId find_shadow(const storage::Scope& scope, const AdapterId& adapter,
                        const DecisionId& decision) const override;
  void on_shadow(const AdapterId& loaded, bool is_answered) override;

  // server::VersionService
  Result<AdapterId> adapter_of(const std::string& persona) override;
  Result<std::vector<storage::AdapterVersionRow>> list(const AdapterId& adapter) override;
  Result<std::vector<storage::VersionChange>> history(const AdapterId& adapter) override;
  Result<persona::ShadowJudgement> judge_shadow(const storage::AdapterVersionId& id,
                                                const persona::ExampleWish& examples) override;
  Result<storage::AdapterVersionRow> promote(const storage::AdapterVersionId& id,
                                             const persona::ChangeOrder& order) override;
  Result<storage::AdapterVersionRow> rollback(const AdapterId& adapter,
                                              const persona::ChangeOrder& order) override;
  Result<storage::AdapterVersionRow> try_on(const storage::AdapterVersionId& id,
                                            storage::VersionStatus as, double share,
                                            const persona::ChangeOrder& order) override;
  Result<storage::AdapterVersionRow> withdraw(const storage::AdapterVersionId& id,
                                              const persona::ChangeOrder& order) override;
  Result<storage::AdapterVersionRow> set_gate(const storage::AdapterVersionId& id, bool passed,
                                              const std::string& document,
                                              const std::string& by) override;
  Result<storage::AdapterVersionRow> register_training(const AdapterId& adapter) override;
  Result<storage::AdapterVersionRow> register_incoming(const std::string& persona,
                                                       const std::string& incoming,
                                                       const std::vector<std::string>& parents,
                                                       const persona::ChangeOrder& order) override;

  // What a directory of an adapter becomes that is registered for `persona` (register_incoming()).
  Result<persona::NewVersion> new_version(const std::string& persona,
                                          const std::filesystem::path& source,
                                          const std::vector<std::string>& parents,
                                          const persona::ChangeOrder& order);

  persona::VersionRegistry& registry() { return registry_; }

  // Loads a version under "name@version", so that it can be measured. Errors: kConflict if its
  // files have changed; those of engine::AdapterRegistry::load(); kUnavailable without a model.
  Result<AdapterId> load(const storage::AdapterVersionRow& row);
  // No effect if it is not loaded, serves as a canary or is a shadow.
  void unload(const storage::AdapterVersionId& id);

 private:
  struct Trial {
    storage::AdapterVersionId id;
    storage::VersionStatus as = storage::VersionStatus::kCanary;
    double share = 0.0;
  };

  ServedVersions(Installation& installation, engine::AdapterRegistry* adapters);

  Status load_live();
  // After the registry has changed: what is loaded under the adapter's name, and its trials.
  void serve(const storage::AdapterVersionRow& row);
  void restore_own(const AdapterId& adapter);
  void refresh_trials(const AdapterId& adapter);
  persona::Prepare preparation();
  void remember(const AdapterId& loaded, int version);
  void judge_canary(const Trial& canary);

  Installation& installation_;
  engine::AdapterRegistry* adapters_;
  persona::VersionRegistry registry_;
  // Where the model's own adapters lie, by name; empty without a model.
  std::map<AdapterId, std::filesystem::path> own_;
  // Held over each change as a whole, before mutex_.
  std::mutex change_mutex_;
  // Held while a shadow's answers are counted.
  std::mutex shadow_mutex_;
  mutable std::mutex mutex_;
  // Generator's name and fingerprint to version; guarded by mutex_.
  std::map<std::pair<AdapterId, std::string>, int> versions_;
  std::map<AdapterId, std::vector<Trial>> trials_;  // guarded by mutex_
};

}  // namespace kith::runtime
