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
                                 const storage::Scope& scope, std::vector<AdapterShare> adapters) {
  HeldVersion version{.held = nullptr, .shares = adapters};
  if (versions != nullptr) {
    for (AdapterShare& share : version.shares) share.id = versions->choose(scope, share.id);
  }
  auto held = generator.hold_adapters(version.shares);
  if (!held && version.shares != adapters) {
    version.shares = std::move(adapters);
    held = generator.hold_adapters(version.shares);
  }
  if (!held) return std::move(held).error();
  version.held = *std::move(held);
  version.version = held_version(versions, version.held.get(), version.shares);
  return version;
}

}  // namespace kith::personalize
