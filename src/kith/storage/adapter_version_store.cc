#include "kith/storage/adapter_version_store.h"

#include <array>

namespace kith::storage {
namespace {

constexpr std::array<std::string_view, 7> kNames = {"candidate", "refused", "shadow",   "canary",
                                                    "serving",   "retired", "withdrawn"};

}  // namespace

std::string_view to_string(VersionStatus status) {
  return kNames[static_cast<std::size_t>(status)];
}

Result<VersionStatus> parse_version_status(std::string_view text) {
  std::string allowed;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == text) return static_cast<VersionStatus>(i);
    allowed += (i > 0 ? ", " : "") + std::string(kNames[i]);
  }
  return Error{ErrorCode::kInvalidArgument, "the status of a version is one of " + allowed};
}

bool may_become(VersionStatus from, VersionStatus to) {
  using enum VersionStatus;
  switch (to) {
    case kCandidate:
      return from == kRefused || from == kShadow || from == kCanary || from == kWithdrawn;
    case kRefused:
      return from == kCandidate;
    case kShadow:
      return from == kCandidate || from == kCanary || from == kRetired;
    case kCanary:
      return from == kCandidate || from == kShadow || from == kRetired;
    case kServing:
      return from == kCandidate || from == kShadow || from == kCanary || from == kRetired;
    case kRetired:
      return from == kServing;
    case kWithdrawn:
      return from != kWithdrawn;
  }
  return false;
}

std::string to_string(const AdapterVersionId& id) {
  return id.adapter.str() + "@" + std::to_string(id.version);
}

}  // namespace kith::storage
