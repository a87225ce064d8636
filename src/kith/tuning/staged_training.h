// The frame of every training from an installation's data, whatever is trained: select, train (in
// kith-train), evaluate, register. Each stage is kept (job.h), so that a run that was killed goes
// on where it stood; nobody's data is used after he was erased or withdrew his consent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/memory/knowledge.h"
#include "kith/persona/assignment.h"
#include "kith/storage/store_set.h"
#include "kith/tuning/job.h"

namespace kith::tuning {

// What an installation lends for a while.
struct InstallationView {
  storage::StoreSet& stores;
  memory::Knowledge& knowledge;
  storage::TenantScope scope;
  const base::Clock& clock;
  // Null without personas.
  const persona::Assigner* assigner = nullptr;
};
// Opens the installation, calls `use` and closes it: training takes long, and a server should be
// able to start meanwhile.
using WithInstallation =
    std::function<Status(const std::function<Status(const InstallationView& view)>& use)>;

// What was trained, on its way into the registry.
struct FinishedTraining {
  JobState job;
  std::filesystem::path adapter;  // its directory
  std::vector<storage::Scope> contributors;
};

// How a training is run, beside what is trained.
struct StageOptions {
  // What kith-train trains: "adapter", "timeline".
  std::string kind;
  std::filesystem::path trainer;  // kith-train
  // Go on with an unfinished training; or drop it and begin anew.
  bool resumes = false;
  bool is_fresh = false;
  // kith-train's progress goes to the log only.
  bool is_quiet = false;
};

struct StagePorts {
  WithInstallation with_installation;
  // Registers a candidate and returns its name ("leadership@3"). Called again after a crash it
  // finds the version of the same job (JobState::id). Empty: nothing is registered.
  std::function<Result<std::string>(const FinishedTraining& finished)> register_version;
  // A sentence about what is being done.
  std::function<void(const std::string& message)> say;
};

// Works through the stages of one job. Not thread-safe.
class StagedTraining {
 public:
  StagedTraining(const StagedTraining&) = delete;
  StagedTraining& operator=(const StagedTraining&) = delete;
  virtual ~StagedTraining() = default;

  // Does what is left to do and returns the finished job.
  // Errors: kConflict if an unfinished training is there and neither resumes nor is_fresh is set,
  // or
  //   if somebody who takes part was erased or withdrew meanwhile; kCancelled if it was stopped
  //   (and can be resumed); kUnavailable with the trainer's words if it fails; those of the ports.
  Result<JobState> run();

 protected:
  StagedTraining(Job job, StageOptions options, StagePorts ports);

  // Writes data, recipe and contributors, and saves the job as kSelected.
  virtual Status select_data() = 0;
  // Measures what is in run(), puts what is registered into kept(), and saves the job as
  // kEvaluated.
  virtual Status evaluate() = 0;
  // Before a version is registered, once everybody has agreed again.
  virtual Status keep_data() { return {}; }

  void say(const std::string& message) const;
  Job& job() { return job_; }
  const Job& job() const { return job_; }
  const StagePorts& ports() const { return ports_; }
  // kith-train's report of the finished run.
  Result<base::Json> report() const;

 private:
  Status begin();
  Result<bool> contributors_agree();
  Status train();
  Result<std::vector<storage::Scope>> training_users() const;
  Status register_version();

  Job job_;
  StageOptions options_;
  StagePorts ports_;
};

// What a few steps of a recipe in a directory that is removed again have shown.
struct TimedSteps {
  double tokens_per_second = 0.0;
  std::int64_t peak_bytes = 0;
};

// Times a few steps in `directory`, which is made and removed: `fill` writes data and recipe.toml.
// Errors: those of `fill` and of the trainer.
Result<TimedSteps> time_steps(const StageOptions& options, const std::filesystem::path& directory,
                              const std::function<Status()>& fill);

// Of a run of so many tokens: reading, validating and writing included.
double predicted_seconds(std::int64_t tokens, double tokens_per_second);

}  // namespace kith::tuning
