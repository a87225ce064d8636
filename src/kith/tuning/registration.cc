#include "kith/tuning/registration.h"

#include <optional>
#include <utility>

#include "kith/tuning/encoder_trial.h"
#include "kith/tuning/job.h"

namespace kith::tuning {
namespace {

bool is_encoder(const JobState& job) { return job.adapter.str() == storage::kUserEncoder; }

bool is_of(const storage::AdapterVersionRow& row, const JobState& job) {
  // An encoder is judged when it is registered, so that it may be refused by then.
  const bool is_new = row.status == storage::VersionStatus::kCandidate ||
                      (is_encoder(job) && row.status == storage::VersionStatus::kRefused);
  return is_new && row.data_hash == job.data_hash && row.recipe_hash == job.recipe_hash &&
         row.base_hash == job.base_hash;
}

persona::NewVersion version_of(const FinishedTraining& finished) {
  const JobState& job = finished.job;
  persona::NewVersion version{.adapter = job.adapter,
                              .source = finished.adapter,
                              .by = is_encoder(job) ? "kith train timeline" : "kith persona train",
                              .reason = "trained"};
  if (!job.parent.empty()) version.parents.push_back(job.parent);
  version.base_hash = job.base_hash;
  version.data_hash = job.data_hash;
  version.recipe_hash = job.recipe_hash;
  version.metrics = job.metrics;
  version.contributors = finished.contributors;
  return version;
}

// By the figures in its metrics.
Result<storage::AdapterVersionRow> pass_gate(persona::VersionRegistry& registry,
                                             const storage::AdapterVersionRow& row) {
  KITH_ASSIGN_OR_RETURN(storage::GateOutcome gate, judge_encoder(row.metrics));
  gate.at = row.created_at;
  KITH_RETURN_IF_ERROR(registry.store().set_gate(row.id, gate, row.created_by));
  return registry.find(row.id);
}

}  // namespace

Result<storage::AdapterVersionRow> register_training(persona::VersionRegistry& registry,
                                                     const FinishedTraining& finished) {
  const JobState& job = finished.job;
  KITH_ASSIGN_OR_RETURN(auto rows, registry.list(job.adapter));
  std::optional<storage::AdapterVersionRow> known;
  for (auto& row : rows) {
    if (!known && is_of(row, job)) known = std::move(row);
  }
  if (!known) {
    KITH_ASSIGN_OR_RETURN(known, registry.add(version_of(finished)));
  }
  if (is_encoder(job) && !known->gate) return pass_gate(registry, *known);
  return *std::move(known);
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
