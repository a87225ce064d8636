#include "kith/persona/version_registry.h"

#include <algorithm>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "kith/base/json.h"
#include "kith/persona/version_files.h"

namespace kith::persona {
namespace {

namespace fs = std::filesystem;
using storage::AdapterVersionId;
using storage::AdapterVersionRow;
using storage::to_string;
using storage::VersionStatus;

bool is_live(const AdapterVersionRow& row) {
  return row.status == VersionStatus::kServing || row.status == VersionStatus::kCanary ||
         row.status == VersionStatus::kShadow;
}

Status check_gate(const AdapterVersionRow& row) {
  if (row.gate && row.gate->passed) return {};
  return Error{ErrorCode::kConflict, to_string(row.id) + (row.gate ? " has not passed its gate"
                                                                   : " has not been evaluated: run "
                                                                     "its gate first")};
}

Status check_metrics(const std::string& metrics) {
  const auto json = base::parse_json(metrics);
  if (json && json->is_object()) return {};
  return Error{ErrorCode::kInvalidArgument, "the metrics of a version must be a JSON object"};
}

}  // namespace

VersionRegistry::VersionRegistry(storage::AdapterVersionStore& store, fs::path data_dir,
                                 const base::Clock& clock)
    : store_(store), data_dir_(std::move(data_dir)), clock_(clock) {}

Result<AdapterVersionRow> VersionRegistry::add(const NewVersion& version) {
  KITH_RETURN_IF_ERROR(check_adapter_name(version.adapter));
  KITH_RETURN_IF_ERROR(check_metrics(version.metrics));
  const std::lock_guard lock(mutex_);
  AdapterVersionRow row;
  row.id.adapter = version.adapter;
  KITH_ASSIGN_OR_RETURN(row.id.version, store_.next_version(version.adapter));
  row.path = version_path(row.id);
  row.created_at = clock_.now();
  row.created_by = version.by;
  row.reason = version.reason;
  row.parents = version.parents;
  row.base_hash = version.base_hash;
  row.data_hash = version.data_hash;
  row.recipe_hash = version.recipe_hash;
  row.metrics = version.metrics;
  // Files first: a row always has its files, and files without a row are swept or overwritten.
  KITH_ASSIGN_OR_RETURN(row.content_hash, write_version_files(version.source, data_dir_, row));
  KITH_RETURN_IF_ERROR(store_.add(row, version.contributors));
  return find(row.id);
}

Result<AdapterVersionRow> VersionRegistry::find(const AdapterVersionId& id) const {
  KITH_ASSIGN_OR_RETURN(auto row, store_.find(id));
  if (row) return *std::move(row);
  return Error{ErrorCode::kNotFound, "there is no version " + to_string(id)};
}

Result<std::vector<AdapterVersionRow>> VersionRegistry::list(const AdapterId& adapter) const {
  return store_.list(adapter);
}

Result<std::optional<AdapterVersionRow>> VersionRegistry::find_serving(
    const AdapterId& adapter) const {
  return store_.find_status(adapter, VersionStatus::kServing);
}

Result<std::vector<AdapterVersionRow>> VersionRegistry::list_live() const {
  KITH_ASSIGN_OR_RETURN(auto rows, store_.list(AdapterId{}));
  std::erase_if(rows, [](const AdapterVersionRow& row) { return !is_live(row); });
  return rows;
}

Result<AdapterVersionRow> VersionRegistry::move(const AdapterVersionRow& row, VersionStatus to,
                                                const storage::ChangeOptions& options,
                                                const ChangeOrder& order, const Prepare& prepare) {
  if (!may_become(row.status, to)) {
    return Error{ErrorCode::kConflict, to_string(row.id) + " is " +
                                           std::string(to_string(row.status)) +
                                           " and cannot become " + std::string(to_string(to))};
  }
  KITH_RETURN_IF_ERROR(verify_version_files(data_dir_, row));
  if (prepare) KITH_RETURN_IF_ERROR(prepare(row));
  KITH_RETURN_IF_ERROR(store_.change({.id = row.id,
                                      .from = row.status,
                                      .to = to,
                                      .by = order.by,
                                      .reason = order.reason,
                                      .at = clock_.now()},
                                     options));
  return find(row.id);
}

Result<AdapterVersionRow> VersionRegistry::promote(const AdapterVersionId& id,
                                                   const ChangeOrder& order,
                                                   const Prepare& prepare) {
  const std::lock_guard lock(mutex_);
  KITH_ASSIGN_OR_RETURN(const auto row, find(id));
  KITH_RETURN_IF_ERROR(check_gate(row));
  return move(row, VersionStatus::kServing, {}, order, prepare);
}

Result<AdapterVersionRow> VersionRegistry::try_on(const AdapterVersionId& id, VersionStatus as,
                                                  double share, const ChangeOrder& order,
                                                  const Prepare& prepare) {
  if (as != VersionStatus::kCanary && as != VersionStatus::kShadow) {
    return Error{ErrorCode::kInvalidArgument, "a version is tried on as canary or shadow"};
  }
  if (!(share > 0.0 && share <= 1.0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the share of the users must be in (0, 1]: " + std::to_string(share)};
  }
  const std::lock_guard lock(mutex_);
  KITH_ASSIGN_OR_RETURN(const auto row, find(id));
  KITH_RETURN_IF_ERROR(check_gate(row));
  return move(row, as, {.share = share}, order, prepare);
}

// The version whose place the serving one took, as history tells; if that one was withdrawn since,
// the one before it.
Result<AdapterVersionId> VersionRegistry::find_former(const AdapterId& adapter,
                                                      const AdapterVersionRow& serving) const {
  KITH_ASSIGN_OR_RETURN(const auto history,
                        store_.history(adapter, std::numeric_limits<std::int32_t>::max()));
  for (const storage::VersionChange& change : history) {
    if (change.to != VersionStatus::kRetired || change.id == serving.id) continue;
    KITH_ASSIGN_OR_RETURN(const auto row, store_.find(change.id));
    if (row && row->status == VersionStatus::kRetired) return change.id;
  }
  return Error{ErrorCode::kNotFound,
               "no version of " + adapter.str() + " served before " + to_string(serving.id)};
}

Result<AdapterVersionRow> VersionRegistry::rollback(const AdapterId& adapter,
                                                    const ChangeOrder& order,
                                                    const Prepare& prepare) {
  const std::lock_guard lock(mutex_);
  KITH_ASSIGN_OR_RETURN(const auto serving, find_serving(adapter));
  if (!serving) {
    return Error{ErrorCode::kNotFound, "no version of " + adapter.str() + " serves"};
  }
  KITH_ASSIGN_OR_RETURN(const auto id, find_former(adapter, *serving));
  KITH_ASSIGN_OR_RETURN(const auto row, find(id));
  return move(row, VersionStatus::kServing, {.withdraws_former = true}, order, prepare);
}

Result<AdapterVersionRow> VersionRegistry::withdraw(const AdapterVersionId& id,
                                                    const ChangeOrder& order) {
  const std::lock_guard lock(mutex_);
  KITH_ASSIGN_OR_RETURN(const auto row, find(id));
  // Whatever has become of its files: taking a version out must always work.
  KITH_RETURN_IF_ERROR(store_.change({.id = id,
                                      .from = row.status,
                                      .to = VersionStatus::kWithdrawn,
                                      .by = order.by,
                                      .reason = order.reason,
                                      .at = clock_.now()}));
  return find(id);
}

Result<fs::path> VersionRegistry::verified_path(const AdapterVersionRow& row) const {
  KITH_RETURN_IF_ERROR(verify_version_files(data_dir_, row));
  return data_dir_ / row.path;
}

Result<int> VersionRegistry::sweep() {
  const std::lock_guard lock(mutex_);
  KITH_ASSIGN_OR_RETURN(const auto rows, store_.list(AdapterId{}));
  std::set<std::string> known;
  for (const AdapterVersionRow& row : rows) known.insert(row.path);
  int removed = 0;
  std::error_code error;
  for (const auto& adapter : fs::directory_iterator(data_dir_ / "adapters", error)) {
    std::error_code inner;
    for (const auto& version : fs::directory_iterator(adapter.path(), inner)) {
      const std::string path = version.path().lexically_relative(data_dir_).string();
      if (known.contains(path)) continue;
      std::error_code failed;
      fs::remove_all(version.path(), failed);
      if (!failed) ++removed;
    }
  }
  return removed;
}

}  // namespace kith::persona
