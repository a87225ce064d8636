#include "kith/personalize/adapter_versions.h"

#include <utility>

namespace kith::personalize {

int held_version(const AdapterVersions* versions, const HeldAdapters* held,
                 const std::vector<AdapterShare>& shares) {
  if (versions == nullptr || held == nullptr || shares.size() != 1) return 0;
  const auto fingerprints = held->fingerprints();
  return fingerprints.size() == 1 ? versions->version_of(shares.front().id, fingerprints.front())
                                  : 0;
}

Result<HeldVersion> hold_version(const Generator& generator, const AdapterVersions* versions,
                                 const storage::Scope& scope, const AdapterId& adapter) {
  HeldVersion version;
  version.shares = only_adapter(versions == nullptr ? adapter : versions->choose(scope, adapter));
  auto held = generator.hold_adapters(version.shares);
  const bool is_canary = !version.shares.empty() && version.shares.front().id != adapter;
  if (!held && is_canary) {
    version.shares = only_adapter(adapter);
    held = generator.hold_adapters(version.shares);
  }
  if (!held) return std::move(held).error();
  version.held = *std::move(held);
  version.version = held_version(versions, version.held.get(), version.shares);
  return version;
}

}  // namespace kith::personalize
