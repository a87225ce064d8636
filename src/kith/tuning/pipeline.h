// The training of an adapter from the installation's conversations, as one pipeline:
//
//   select -> card -> recipe -> fine-tune (kith-train) -> held-out loss -> share -> register
//
// Among the rows are planted secrets (canaries.h). The share is how much of the update stays
// (eval/update_share.h), so that nobody else is told worse.
//
// Each stage is kept (job.h), so that a run that was killed goes on where it stood, with the same
// bytes. ADR 18; docs/guides/personas.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/dataset_card.h"
#include "kith/persona/members.h"
#include "kith/persona/training_data.h"
#include "kith/tuning/job.h"
#include "kith/tuning/recipe.h"
#include "kith/tuning/staged_training.h"

namespace kith::tuning {

// A version that may be built upon.
struct StartingPoint {
  std::filesystem::path path;  // PEFT directory
  std::string version;         // "use_case@2"
};

struct TrainingPorts {
  WithInstallation with_installation;
  // The version of this adapter to start from, if there is one; may be empty.
  std::function<Result<std::optional<StartingPoint>>(const AdapterId& adapter)> find_adapter;
  // How much of the update of the adapter in a PEFT directory may stay, in [0, 1], measured on the
  // texts in `choice` (as the gate reads them): 0, if however little is too much. Empty: all of it.
  std::function<Result<double>(const std::filesystem::path& adapter,
                               const std::filesystem::path& choice)>
      choose_share;
  // Registers a candidate and returns its name ("leadership@3"). Called again after a crash it
  // finds the version of the same job (JobState::id).
  std::function<Result<std::string>(const FinishedTraining& finished)> register_version;
  // A sentence about what is being done.
  std::function<void(const std::string& message)> say;
};

struct TrainingRequest {
  std::filesystem::path data_dir;
  std::filesystem::path base_model;
  std::filesystem::path trainer;  // kith-train
  AdapterId adapter;
  // Personas whose users take part; empty: all of them.
  persona::DataOptions data;
  RecipeTemplate recipe = RecipeTemplate::standard();
  // From a file, see persona::load_members(); empty: by the assignments.
  std::filesystem::path members;
  // Stands first in the prompts.
  std::string system_head;
  int max_passages = 2;
  // Planted secrets; absent: as many as num_canaries() says.
  std::optional<std::size_t> canaries;
  // A persona with fewer learned tokens starts from the use-case adapter.
  std::size_t little_data_tokens = 10'000;
  // Go on with an unfinished training; or drop it and begin anew.
  bool resumes = false;
  bool is_fresh = false;
  // Where the dataset is copied to when it is done, for the gate; empty: it is removed. What is
  // there is the operator's to keep and to remove: erasing a user does not reach it.
  std::filesystem::path keep_data;
  // kith-train's progress goes to the log only.
  bool is_quiet = false;
};

// What a training will cost, from a short one.
struct TrainingForecast {
  persona::DatasetCard card;
  std::int64_t data_tokens = 0;
  std::int64_t steps = 0;
  double tokens_per_second = 0.0;
  double seconds = 0.0;
  std::int64_t peak_bytes = 0;
};

// Errors of both: kInvalidArgument for too few users, a model or recipe that cannot be trained;
//   kConflict if an unfinished training is there and neither resumes nor is_fresh is set, if
//   another process trains this adapter, or if a contributor was erased or withdrew consent
//   meanwhile; kCancelled if it was stopped (and can be resumed); kUnavailable with the trainer's
//   words if it fails; those of the ports.

// Does what is left to do and returns the finished job.
Result<JobState> train_adapter(const TrainingRequest& request, const TrainingPorts& ports);

// Selects, times a few steps in a directory that is removed again, and leaves nothing behind.
Result<TrainingForecast> forecast_training(const TrainingRequest& request,
                                           const TrainingPorts& ports);

}  // namespace kith::tuning
