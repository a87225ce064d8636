// Which version of an adapter answers a user, and which one has answered. Implemented in `runtime`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/personalize/ports.h"
#include "kith/storage/decision_store.h"
#include "kith/storage/scope.h"

namespace kith::personalize {

// Thread-safe.
class AdapterVersions {
 public:
  virtual ~AdapterVersions() = default;

  // The generator's name of what answers this user under `adapter`: the adapter's own name, or that
  // of a canary whose share the user is in. The same for a user as long as the canary lasts.
  virtual AdapterId choose(const storage::Scope& scope, const AdapterId& adapter) const = 0;
  // The number of the registered version that weights of this fingerprint are, loaded under the
  // generator's name `loaded`; 0 if they are none.
  virtual int version_of(const AdapterId& loaded, const std::string& fingerprint) const = 0;
  // A thumb, -1 or 1, has been added to a decision.
  virtual void on_thumb(const storage::DecisionRow& decision, double value) = 0;
  // The generator's name of the version in shadow that answers this decision's request as well,
  // unseen; empty: none does. Of the decisions under `adapter` it is the version's share.
  virtual AdapterId find_shadow(const storage::Scope& scope, const AdapterId& adapter,
                                const DecisionId& decision) const = 0;
  // It has, or was dropped.
  virtual void on_shadow(const AdapterId& loaded, bool is_answered) = 0;
};

// The weights that answer one request.
struct HeldVersion {
  std::shared_ptr<const HeldAdapters> held;
  std::vector<AdapterShare> shares;
  int version = 0;  // of the only adapter; 0: not a registered one, or a blend
};

// Takes hold of what answers the user under `adapters`. A canary that is gone meanwhile gives way to
// what serves. `versions` may be null: no versions are registered.
// Errors: those of Generator::hold_adapters().
Result<HeldVersion> hold_version(const Generator& generator, const AdapterVersions* versions,
                                 const storage::Scope& scope, std::vector<AdapterShare> adapters);

// The version behind adapters that a request holds: that of the only one, else 0.
int held_version(const AdapterVersions* versions, const HeldAdapters* held,
                 const std::vector<AdapterShare>& shares);

}  // namespace kith::personalize
