// What the server's handlers need of the versions of adapters. Implemented in `runtime`.
#pragma once

#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/shadow_trial.h"
#include "kith/persona/version_registry.h"
#include "kith/storage/adapter_version_store.h"

namespace kith::server {

// Personas are named by their id; the shared adapter, and others that no persona names, by their
// own name. Thread-safe; each change is one step for requests.
class VersionService {
 public:
  virtual ~VersionService() = default;

  // The adapter that speaks for the persona. Errors: kNotFound if there is neither such a persona
  // nor a version of such an adapter.
  virtual Result<AdapterId> adapter_of(const std::string& persona) = 0;

  // Newest first.
  virtual Result<std::vector<storage::AdapterVersionRow>> list(const AdapterId& adapter) = 0;
  virtual Result<std::vector<storage::VersionChange>> history(const AdapterId& adapter) = 0;

  // Its unseen answers beside those of the version that serves now (persona/shadow_trial.h).
  // Errors: kNotFound if there is no such version.
  virtual Result<persona::ShadowJudgement> judge_shadow(const storage::AdapterVersionId& id,
                                                        const persona::ExampleWish& examples) = 0;

  // As those of persona::VersionRegistry; what changes serves at once.
  virtual Result<storage::AdapterVersionRow> promote(const storage::AdapterVersionId& id,
                                                     const persona::ChangeOrder& order) = 0;
  virtual Result<storage::AdapterVersionRow> rollback(const AdapterId& adapter,
                                                      const persona::ChangeOrder& order) = 0;
  virtual Result<storage::AdapterVersionRow> try_on(const storage::AdapterVersionId& id,
                                                    storage::VersionStatus as, double share,
                                                    const persona::ChangeOrder& order) = 0;
  virtual Result<storage::AdapterVersionRow> withdraw(const storage::AdapterVersionId& id,
                                                      const persona::ChangeOrder& order) = 0;
  // Keeps the outcome of a gate that was run elsewhere on the version's files. Errors: kNotFound.
  virtual Result<storage::AdapterVersionRow> set_gate(const storage::AdapterVersionId& id,
                                                      bool passed, const std::string& document,
                                                      const std::string& by) = 0;
  // Registers the training of this adapter that `kith persona train` has finished beside the
  // server. Errors: kNotFound without one; kConflict if it has not come that far.
  virtual Result<storage::AdapterVersionRow> register_training(const AdapterId& adapter) = 0;
  // Registers the adapter that a command has put into the data directory under that name
  // (persona/incoming_files.h), which is gone from there afterwards.
  //   persona: as adapter_of() takes it; a name that nobody has yet begins an adapter of its own
  // Errors: kNotFound without it; those of persona::VersionRegistry::add().
  virtual Result<storage::AdapterVersionRow> register_incoming(
      const std::string& persona, const std::string& incoming,
      const std::vector<std::string>& parents, const persona::ChangeOrder& order) = 0;
};

}  // namespace kith::server
