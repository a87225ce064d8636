// Port for the versions of adapters: what serves, what served before, what waits for its gate, and
// what each was made from. Adapters belong to the installation, as its personas do; the users whose
// data a version was trained on belong to their tenants.
// Files and transitions: docs/formats/adapter-versions.md.
// Thread-safety, durability and common errors: see user_store.h.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"

namespace kith::storage {

// The adapter of all personas' conversations together: fallback and baseline.
inline constexpr const char* kSharedAdapter = "use_case";
// Under this name stand the versions of the encoder of users' timelines, which is no adapter but
// has the same life: files, lineage, contributors, gate, promotion and rollback.
inline constexpr const char* kUserEncoder = "user_encoder";

// Set by erasure: somebody's rows were in the version's data who is erased since.
inline constexpr const char* kFlagErasedContributor = "erased_contributor";

enum class VersionStatus : std::uint8_t {
  kCandidate,  // registered; serves nobody
  kRefused,    // failed its gate
  kShadow,     // answers beside the serving version, for nobody to see
  kCanary,     // serves a share of the users
  kServing,    // serves; at most one version of an adapter
  kRetired,    // served before; rollback goes back to it
  kWithdrawn,  // taken out, by somebody or by a canary's test
};

// "candidate", "refused", ...
std::string_view to_string(VersionStatus status);
// Errors: kInvalidArgument naming what is allowed.
Result<VersionStatus> parse_version_status(std::string_view text);
// Whether a version may go from one status to the other. To pass a gate first is the caller's rule.
bool may_become(VersionStatus from, VersionStatus to);

// One version of one adapter.
struct AdapterVersionId {
  AdapterId adapter;
  int version = 0;  // 1, 2, ...

  friend bool operator==(const AdapterVersionId&, const AdapterVersionId&) = default;
  friend auto operator<=>(const AdapterVersionId&, const AdapterVersionId&) = default;
};

// "leadership@3".
std::string to_string(const AdapterVersionId& id);

struct GateOutcome {
  bool passed = false;
  std::string document = "{}";  // JSON: every check with figure, interval, limit and reason
  base::UnixMicros at = 0;

  friend bool operator==(const GateOutcome&, const GateOutcome&) = default;
};

struct AdapterVersionRow {
  AdapterVersionId id;
  VersionStatus status = VersionStatus::kCandidate;
  // Directory of the files, relative to the data directory; never changes once registered.
  std::string path;
  std::string content_hash;  // of the files, see persona/version_files.h
  base::UnixMicros created_at = 0;
  std::string created_by;  // who registered it: a key's label, a program
  std::string reason;      // why
  // Versions ("use_case@2") that it was trained from.
  std::vector<std::string> parents;
  std::string base_hash;    // of the model that it adapts
  std::string data_hash;    // of its training data, see its dataset card
  std::string recipe_hash;  // of the recipe with all settings
  std::string metrics = "{}";
  std::optional<GateOutcome> gate;
  // In alphabetical order.
  std::vector<std::string> flags;
  // Share of the users, in (0, 1], while it is a shadow or a canary; else 0.
  double share = 0.0;
  // JSON: the test that runs while it is a canary or a shadow; empty: none has begun.
  std::string trial;

  friend bool operator==(const AdapterVersionRow&, const AdapterVersionRow&) = default;
};

struct VersionChange {
  AdapterVersionId id;
  std::optional<VersionStatus> from;  // absent: it was registered
  VersionStatus to = VersionStatus::kCandidate;
  std::string by;
  std::string reason;
  base::UnixMicros at = 0;

  friend bool operator==(const VersionChange&, const VersionChange&) = default;
};

// What the users thought of a version's answers: the first thumb of each, so that nobody counts
// twice.
struct VersionThumbs {
  int version = 0;
  std::int64_t up = 0;
  std::int64_t down = 0;

  friend bool operator==(const VersionThumbs&, const VersionThumbs&) = default;
};

// What a version in shadow would have answered, and to whom.
struct ShadowAnswer {
  Scope scope;
  std::string document;  // JSON, the decision's member `shadow`

  friend bool operator==(const ShadowAnswer&, const ShadowAnswer&) = default;
};

struct ChangeOptions {
  // In (0, 1] for kCanary and kShadow, whose trial begins anew; else not read.
  double share = 0.0;
  // The version that served is withdrawn, not retired: what a rollback leaves is not gone back to.
  bool withdraws_former = false;
};

class AdapterVersionStore {
 public:
  virtual ~AdapterVersionStore() = default;

  // Writes a new version, a candidate, with its first row of history.
  //   row: status, gate, flags, share and trial are not read
  //   contributors: whose data it was trained on. Who is not a user (any more) is left out, and the
  //     version has kFlagErasedContributor from the start.
  // Errors: kConflict if the number is taken; kInvalidArgument for a bad name, a number below 1 or
  //   an empty path or content hash.
  virtual Status add(const AdapterVersionRow& row, std::span<const Scope> contributors) = 0;
  // The number that add() takes next: one above the highest, 1 for a new adapter.
  virtual Result<int> next_version(const AdapterId& adapter) = 0;
  virtual Result<std::optional<AdapterVersionRow>> find(const AdapterVersionId& id) = 0;
  virtual Result<std::optional<AdapterVersionRow>> find_status(const AdapterId& adapter,
                                                               VersionStatus status) = 0;
  // Newest first; of all adapters, in order of their names, for an empty id.
  virtual Result<std::vector<AdapterVersionRow>> list(const AdapterId& adapter) = 0;

  // Moves a version to change.to and writes its history, in one transaction. A version that comes
  // to serve retires the one that served; one that becomes canary or shadow makes the former one a
  // candidate again. `change.from`, if there, must be the status now.
  // Errors: kNotFound; kConflict if it has another status than `change.from`, or may not become
  //   `change.to` (see may_become()); kInvalidArgument for a share outside its range.
  virtual Status change(const VersionChange& change, const ChangeOptions& options = {}) = 0;
  // Keeps the outcome of a gate: a candidate that failed is refused, a refused or withdrawn version
  // that passed becomes a candidate again; others keep their status. Errors: kNotFound.
  virtual Status set_gate(const AdapterVersionId& id, const GateOutcome& gate,
                          const std::string& by) = 0;
  // Errors: kNotFound.
  virtual Status set_metrics(const AdapterVersionId& id, const std::string& metrics) = 0;
  // Errors: kNotFound; kConflict if it is neither canary nor shadow (any more).
  virtual Status set_trial(const AdapterVersionId& id, const std::string& trial) = 0;
  // False if the version has the flag already. Errors: kNotFound.
  virtual Result<bool> add_flag(const AdapterVersionId& id, const std::string& flag,
                                base::UnixMicros at) = 0;

  // Over all tenants, of decisions made since then, in order of version. A version without thumbs
  // is not listed.
  virtual Result<std::vector<VersionThumbs>> thumbs(const AdapterId& adapter,
                                                    base::UnixMicros since) = 0;

  // Over all tenants, newest first: the answers that are still there.
  virtual Result<std::vector<ShadowAnswer>> shadows(const AdapterVersionId& id,
                                                    std::size_t limit) = 0;

  // Newest first; of all adapters for an empty id.
  virtual Result<std::vector<VersionChange>> history(const AdapterId& adapter,
                                                     std::size_t limit) = 0;
  // Users whose data is in the version, without those who are erased, in order.
  virtual Result<std::vector<Scope>> contributors(const AdapterVersionId& id) = 0;
  // Versions that the user's data is in, in order.
  virtual Result<std::vector<AdapterVersionId>> contributions(const Scope& scope) = 0;
};

}  // namespace kith::storage
