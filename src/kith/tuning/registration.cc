#include "kith/tuning/registration.h"

#include <utility>

#include "kith/tuning/job.h"

namespace kith::tuning {
namespace {

bool is_of(const storage::AdapterVersionRow& row, const JobState& job) {
  return row.data_hash == job.data_hash && row.recipe_hash == job.recipe_hash &&
         row.base_hash == job.base_hash && row.status == storage::VersionStatus::kCandidate;
}

}  // namespace

Result<storage::AdapterVersionRow> register_training(persona::VersionRegistry& registry,
                                                     const FinishedTraining& finished) {
  const JobState& job = finished.job;
  KITH_ASSIGN_OR_RETURN(auto rows, registry.list(job.adapter));
  for (auto& row : rows) {
    if (is_of(row, job)) return std::move(row);
  }
  persona::NewVersion version{.adapter = job.adapter,
                              .source = finished.adapter,
                              .by = "kith persona train",
                              .reason = "trained"};
  if (!job.parent.empty()) version.parents.push_back(job.parent);
  version.base_hash = job.base_hash;
  version.data_hash = job.data_hash;
  version.recipe_hash = job.recipe_hash;
  version.metrics = job.metrics;
  version.contributors = finished.contributors;
  return registry.add(version);
}

Result<storage::AdapterVersionRow> register_training_of(persona::VersionRegistry& registry,
                                                        const std::filesystem::path& data_dir,
                                                        const AdapterId& adapter) {
  KITH_ASSIGN_OR_RETURN(JobRecord record, read_job(data_dir, adapter));
  if (record.state.stage != JobStage::kEvaluated) {
    return Error{ErrorCode::kConflict, "the training of " + adapter.str() + " is " +
                                           std::string(to_string(record.state.stage)) +
                                           "; what is evaluated can be registered"};
  }
  FinishedTraining finished{.job = std::move(record.state), .adapter = std::move(record.adapter)};
  for (Participant& user : record.participants) {
    if (user.trains) finished.contributors.push_back(std::move(user.scope));
  }
  return register_training(registry, finished);
}

}  // namespace kith::tuning
